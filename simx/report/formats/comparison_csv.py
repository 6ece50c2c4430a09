"""Comparisons as CSV: one row for each time, for other programs."""

from collections.abc import Iterator, Sequence

from simx.report.formats.comma_separated import (
    IDENTITY,
    LOAD,
    figure,
    identity_fields,
    safe,
    written,
)
from simx.report.words.comparison import differences_text
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.comparison.outcome import Change, Comparison
from simx.results.summaries.summary import CellLabel

FIGURES = ("base_ms", "new_ms", "ratio", "ci_low", "ci_high")
JUDGEMENT = ("base_launches", "new_launches", "noisy", "smallest_seen", "listed", "gated")
CHANGE = ("scope", "image", *FIGURES, *JUDGEMENT)

WEIGHTS = ("weights_origin", "weights_sha256")

HEADER = ("base", "new", *IDENTITY, "status", *CHANGE, "note", *WEIGHTS, *LOAD)


def to_string(comparisons: Sequence[Comparison]) -> str:
    """Return a row for each time, and one for each cell whose times were not compared.

    ``status`` is the verdict of the row's time, or ``not comparable``, ``failed``, ``only in base``
    or ``only in new``, or says which report has no ``forward``. The note of a ``forward`` without a
    verdict has the reason.
    """
    return written(HEADER, (row for comparison in comparisons for row in _rows(comparison)))


def _rows(comparison: Comparison) -> Iterator[dict[str, str]]:
    sides = {"base": safe(comparison.base.name), "new": safe(comparison.new.name)}

    def row(cell: CellLabel, status: str, note: str = "", **figures: str) -> dict[str, str]:
        weights = {name: safe(getattr(cell, name) or "") for name in WEIGHTS}
        its = identity_fields(cell)
        return {**sides, **its, **weights, **figures, "status": status, "note": safe(note)}

    for cell in comparison.cells:
        if cell.barred:
            yield row(cell.new, "not comparable", differences_text(cell.barred))
        elif cell.unjudged and cell.forward is None:
            yield row(cell.new, cell.unjudged)
        for change in cell.changes:
            is_explained = change.scope != "forward" or cell.unjudged == change.verdict
            reason = None if is_explained else cell.unjudged
            note = "; ".join(filter(None, (reason, differences_text(cell.allowed))))
            yield row(cell.new, change.verdict, note, **_change(change))
        for other in cell.others:
            yield row(cell.new, "changed", f"{other.name}: {other.base} → {other.new}")
    for failure in comparison.failures:
        reasons = (("base", failure.base), ("new", failure.new))
        note = "; ".join(f"in {side} {reason}" for side, reason in reasons if reason is not None)
        yield row(failure.identity, "failed", note)
    yield from (row(identity, "only in base") for identity in comparison.only_base)
    yield from (row(identity, "only in new") for identity in comparison.only_new)


def _change(change: Change) -> dict[str, str]:
    times = (change.base_ns, change.new_ns)
    fields = (
        *(change.scope, change.image or ""),
        *(figure(ns, NANOSECONDS_PER_MS) for ns in times),
        *map(figure, (change.ratio, change.low, change.high)),
        *map(str, change.launches),
        *(str(change.noisy).lower(), figure(change.smallest_seen)),
        *(str(change.listed).lower(), str(change.gated).lower()),
    )
    return dict(zip(CHANGE, fields, strict=True))
