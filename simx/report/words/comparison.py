"""The words of a comparison: names of cells, changes in percent, and verdicts."""

from collections.abc import Iterable, Sequence

from simx.common.safe_text import clean
from simx.models.pictures import Image
from simx.report.words.names import IMAGE_WORDS, listed, setting_name, target_name
from simx.report.words.values import Tone
from simx.results.comparison.changes import Verdict
from simx.results.comparison.outcome import Difference, OtherName
from simx.results.schema.times import Scope
from simx.results.summaries.summary import CellLabel, target_of

VERDICTS: dict[Verdict, tuple[str, Tone]] = {
    "slower": ("slower", "bad"),
    "faster": ("faster", "best"),
    "changed": ("small", "plain"),
    "equivalent": ("equal", "faint"),
    "undecided": ("undecided", "plain"),
}

GATED = "!"

_SCOPE_WORDS: dict[Scope, str] = {
    "pipeline": "embedding",
    "similarity.host": "similarity from the host",
}

OF_WEIGHTS: frozenset[OtherName] = frozenset(
    {
        "similarity of the positive",
        "similarity of the negative",
        "similarity of the resized negative",
        "acc1",
        "acc5",
    }
)
"""Figures that say something about the weights."""

MOST_CELLS = 8
"""Cells that a sentence names; it counts the others."""


def cell_name(cell: CellLabel, settings: Sequence[str]) -> str:
    """Return for example ``resnet18:V1 on ort cpu``."""
    return f"{setting_name(cell, settings)} on {target_name(target_of(cell))}"


def time_name(scope: Scope, image: Image | None) -> str:
    """Return for example ``embedding, negative``."""
    words = _SCOPE_WORDS.get(scope, scope)
    return words if image is None else f"{words}, {IMAGE_WORDS[image]}"


def share(ratio: float) -> str:
    """Return a ratio as a change with its sign: ``+3.2`` for 1.032, in percent."""
    percent = 100 * (ratio - 1)
    if percent >= 1000:  # noqa: PLR2004 - wider than any column
        return ">+999"
    return f"{percent + 0.0:+.1f}" if round(percent, 1) else "0.0"


def difference_text(difference: Difference) -> str:
    """Return for example ``threads 2 → 4``."""
    if difference.opaque and difference.base and difference.new:
        return f"{difference.name} not the same, by its hash"
    sides = (difference.base, difference.new)
    base, new = ("unknown" if side is None else clean(side) for side in sides)
    return f"{difference.name} {base} → {new}"


def differences_text(differences: Sequence[Difference]) -> str:
    """Return all differences; only the name of one that a side does not record."""
    parts = [difference_text(each) for each in differences if None not in (each.base, each.new)]
    base = dict.fromkeys(each.name for each in differences if each.base is None)
    new = dict.fromkeys(each.name for each in differences if each.new is None)
    for side, missing in (("base", base), ("new", new)):
        if missing:
            parts.append(f"{side} does not record {', '.join(missing)}")
    return "; ".join(parts)


def names(cells: Iterable[CellLabel], settings: Sequence[str]) -> str:
    """Return the names of the first cells, and the number of the others."""
    return listed([cell_name(cell, settings) for cell in cells], MOST_CELLS)
