"""The words of a comparison: names, changes in percent, and what the verdicts are called."""

from collections.abc import Iterable, Sequence

from simx.common.safe_text import clean
from simx.models.pictures import Image
from simx.report.words.names import IMAGE_WORDS, listed, target_name, weights_name
from simx.report.words.values import ABSENT, Tone, Value
from simx.results.comparison.changes import Verdict
from simx.results.comparison.outcome import Difference
from simx.results.schema.report import Identity
from simx.results.schema.times import Scope
from simx.results.summaries.summary import target_of

TONES: dict[Verdict, Tone] = {
    "slower": "bad",
    "faster": "best",
    "changed": "plain",
    "equivalent": "faint",
    "inconclusive": "plain",
}

VERDICT_WORDS: dict[Verdict, str] = {
    "slower": "slower",
    "faster": "faster",
    "changed": "small",
    "equivalent": "equal",
    "inconclusive": "open",
}
"""As tables have them; the legend explains them."""

GATED = "!"
UNKNOWN = "unknown"

_SCOPE_WORDS: dict[Scope, str] = {
    "forward": "forward",
    "host": "host",
    "pipeline": "embedding",
    "similarity": "similarity",
    "similarity.host": "similarity from the host",
    "first": "first",
}

MOST_CELLS = 8
"""So many cells a sentence names; more are counted."""


def cell_name(identity: Identity) -> str:
    """Return for example ``resnet18:V1 on ort cpu``."""
    return f"{backbone_of(identity)} on {backend_of(identity)}"


def backbone_of(identity: Identity) -> str:
    """Return model and weights, as the command line takes them."""
    return f"{clean(identity.model)}:{weights_name(identity.weights)}"


def backend_of(identity: Identity) -> str:
    """Return for example ``ort cpu``."""
    return target_name(target_of(identity))


def time_name(scope: Scope, image: Image | None) -> str:
    """Return for example ``embedding, negative``."""
    words = _SCOPE_WORDS.get(scope, scope)
    return words if image is None else f"{words}, {IMAGE_WORDS[image]}"


def share(ratio: float) -> str:
    """Return a ratio as a change with its sign: ``+3.2`` for 1.032, in percent."""
    percent = 100 * (ratio - 1)
    if percent >= 1000:  # noqa: PLR2004 - wider than any column; the digits would mean nothing
        return ">+999"
    return f"{percent + 0.0:+.1f}" if round(percent, 1) else "0.0"


def share_value(ratio: float | None) -> Value:
    """Return a change for a table, absent where there is none."""
    return ABSENT if ratio is None else Value(share(ratio))


def difference_text(difference: Difference) -> str:
    """Return for example ``threads 2 → 4``."""
    if difference.opaque and difference.base and difference.new:
        return f"{difference.name} not the same, by its hash"
    base, new = (
        UNKNOWN if side is None else clean(side) for side in (difference.base, difference.new)
    )
    return f"{difference.name} {base} → {new}"


def differences_text(differences: Sequence[Difference]) -> str:
    """Return all of them, those that a side does not record by their names alone."""
    known = [each for each in differences if each.base is not None and each.new is not None]
    parts = [difference_text(each) for each in known]
    for side, missing in (
        ("base", [each.name for each in differences if each.base is None]),
        ("new", [each.name for each in differences if each.new is None]),
    ):
        if missing:
            parts.append(f"{side} does not record {', '.join(dict.fromkeys(missing))}")
    return "; ".join(parts)


def names(identities: Iterable[Identity]) -> str:
    """Return a list of cells for a sentence, the first few by name."""
    return listed([cell_name(identity) for identity in identities], MOST_CELLS)
