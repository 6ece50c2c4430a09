"""What changed besides latency: the vector, and what is known of the backbone."""

from collections.abc import Callable, Iterator, Sequence

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.comparison.outcome import Difference, OtherChange, OtherName
from simx.results.schema.report import Cell, FailedCell, MeasuredCell, QuotedCell

SIMILARITY_TOLERANCE = 0.01
"""Percentage points that a similarity may differ by: far above the rounding of float32, far below
what would change a decision."""

PARITY_FACTOR = 10.0
PARITY_FLOOR = 1e-6
"""A relative L2 error is said to have changed if it is this many times as large or as small, and
not below what the order of sums alone makes of float32."""

_SIMILARITIES: dict[Image, OtherName] = {
    "positive": "similarity of the positive",
    "negative": "similarity of the negative",
    "negative_resized": "similarity of the resized negative",
}


def other_changes(
    one: Cell, other: Cell, barred: Sequence[Difference], kept_from: Callable[[Image], bool]
) -> tuple[OtherChange, ...]:
    """Return what changed between two cells besides their times.

    Args:
        one: The base's.
        other: The new report's.
        barred: Differences between them; with other weights or another embedding there is no point
            in comparing similarities.
        kept_from: Whether pictures that differ keep the similarity with this one from being
            compared.
    """
    if isinstance(one, FailedCell) or isinstance(other, FailedCell):
        return ()
    found = [*_catalogue(one, other), *_dimension(one, other)]
    if not {"weights", "embedding", "precision"} & {each.name for each in barred}:
        found += _similarities(one, other, kept_from)
    if isinstance(one, MeasuredCell) and isinstance(other, MeasuredCell):
        found += _parity(one, other)
        found += _placement(one, other)
    return tuple(found)


Figures = MeasuredCell | QuotedCell


def _catalogue(one: Figures, other: Figures) -> Iterator[OtherChange]:
    figures: list[tuple[OtherName, float | None, float | None]] = [
        ("GFLOPS", one.catalogue.gflops, other.catalogue.gflops),
        ("acc1", one.catalogue.acc1, other.catalogue.acc1),
        ("acc5", one.catalogue.acc5, other.catalogue.acc5),
    ]
    for name, base, new in figures:
        if base is not None and new is not None and round(base, 2) != round(new, 2):
            yield OtherChange(name=name, base=f"{base:g}", new=f"{new:g}")


def _dimension(one: Figures, other: Figures) -> Iterator[OtherChange]:
    if one.embedding_dim != other.embedding_dim:
        yield OtherChange(
            name="embedding dimension", base=str(one.embedding_dim), new=str(other.embedding_dim)
        )


def _similarities(
    one: Figures, other: Figures, kept_from: Callable[[Image], bool]
) -> Iterator[OtherChange]:
    for image in COMPARED_IMAGES:
        base: float | None = getattr(one.similarity, image)
        new: float | None = getattr(other.similarity, image)
        if not kept_from(image) and not _is_alike(base, new):
            yield OtherChange(name=_SIMILARITIES[image], base=_percent(base), new=_percent(new))


def _is_alike(base: float | None, new: float | None) -> bool:
    if base is None or new is None:
        return base is new
    return abs(base - new) <= SIMILARITY_TOLERANCE


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f} %"


def _parity(one: MeasuredCell, other: MeasuredCell) -> Iterator[OtherChange]:
    base, new = one.parity.relative_l2, other.parity.relative_l2
    low, high = sorted((max(base, PARITY_FLOOR), max(new, PARITY_FLOOR)))
    if high > PARITY_FACTOR * low:
        yield OtherChange(name="parity", base=f"{base:.0e}", new=f"{new:.0e}")


def _placement(one: MeasuredCell, other: MeasuredCell) -> Iterator[OtherChange]:
    if one.placement != other.placement:
        yield OtherChange(
            name="placement",
            base=placement_text(one.placement),
            new=placement_text(other.placement),
        )


def placement_text(placement: dict[str, int]) -> str:
    """Return for example ``142 CPUExecutionProvider``."""
    nodes = ", ".join(f"{count} {name}" for name, count in sorted(placement.items()))
    return nodes or "no graph"
