"""Comparisons as CSV: one row for each time, for other programs."""

from collections.abc import Iterator, Sequence

from simx.report.formats.comma_separated import safe, written
from simx.report.words.comparison import differences_text
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.comparison.outcome import CellComparison, Change, Comparison
from simx.results.schema.report import Identity

IDENTITY = ("model", "weights", "embedding", "backend", "provider", "precision", "batch", "threads")

HEADER = (
    "base",
    "new",
    *IDENTITY,
    "status",
    "scope",
    "image",
    "base_ms",
    "new_ms",
    "ratio",
    "ci_low",
    "ci_high",
    "base_launches",
    "new_launches",
    "noisy",
    "smallest_seen",
    "listed",
    "gated",
    "note",
)


def to_string(comparisons: Sequence[Comparison]) -> str:
    """Return a row for each time, and one for each cell whose times were not compared.

    ``status`` is the verdict of the row's time, or ``not comparable``, ``failed``, ``only in base``
    or ``only in new``.
    """
    return written(HEADER, (row for each in comparisons for row in _rows(each)))


def _rows(comparison: Comparison) -> Iterator[list[str]]:
    sides = [safe(comparison.base.name), safe(comparison.new.name)]
    for cell in comparison.cells:
        yield from ([*sides, *row] for row in _cell_rows(cell))
    for failure in comparison.failures:
        reasons = (("base", failure.base), ("new", failure.new))
        note = "; ".join(f"in {side} {reason}" for side, reason in reasons if reason is not None)
        yield [*sides, *_empty_row(failure.identity, "failed", note)]
    for status, identities in (
        ("only in base", comparison.only_base),
        ("only in new", comparison.only_new),
    ):
        yield from ([*sides, *_empty_row(identity, status, "")] for identity in identities)


def _cell_rows(cell: CellComparison) -> Iterator[list[str]]:
    if cell.barred:
        note = differences_text(cell.barred)
        yield _empty_row(cell.new, "not comparable", note)
    note = safe(differences_text(cell.allowed))
    for change in cell.changes:
        yield [*_identity(cell.new), change.verdict, *_change(change), note]
    for other in cell.others:
        yield _empty_row(cell.new, "changed", f"{other.name}: {other.base} → {other.new}")


def _change(change: Change) -> list[str]:
    return [
        change.scope,
        change.image or "",
        _figure(change.base_ns / NANOSECONDS_PER_MS),
        _figure(change.new_ns / NANOSECONDS_PER_MS),
        _figure(change.ratio),
        _figure(change.low),
        _figure(change.high),
        *map(str, change.launches),
        str(change.noisy).lower(),
        _figure(change.smallest_seen),
        str(change.listed).lower(),
        str(change.gated).lower(),
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _empty_row(identity: Identity, status: str, note: str) -> list[str]:
    blanks = len(HEADER) - 2 - len(IDENTITY) - 2
    return [*_identity(identity), status, *[""] * blanks, safe(note)]


def _identity(identity: Identity) -> list[str]:
    return [safe(str(getattr(identity, name))) for name in IDENTITY]
