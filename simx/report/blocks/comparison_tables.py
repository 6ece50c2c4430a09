"""The tables of a comparison, each with what it leaves out."""

from collections.abc import Iterator, Sequence

from simx.common.safe_text import clean
from simx.report.blocks.document import Block, Column, Heading, Paragraph, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words.comparison import (
    GATED,
    TONES,
    VERDICT_WORDS,
    backbone_of,
    backend_of,
    share_value,
    time_name,
)
from simx.report.words.names import NOISY
from simx.report.words.values import ABSENT, NANOSECONDS_PER_MS, Value
from simx.results.comparison.outcome import CellComparison, Change, Comparison

MOST_ROWS = 40
"""Of the tables of what is not ``forward``, which can have many times as many."""

CHANGE_COLUMNS = (
    Column("base", "ms"),
    Column("new", "ms"),
    Column("change", "%"),
    Column("from", "%"),
    Column("to", "%"),
)
"""The first five of ``_values``."""


def forward_table(cells: Sequence[CellComparison]) -> Table:
    """Return how ``forward`` changed in each of the cells, all of which have it."""
    return Table(
        columns=(
            *key_columns("model", "backend"),
            *CHANGE_COLUMNS,
            Column("verdict", justify="left"),
            Column("seen from", "%"),
        ),
        rows=tuple(
            Row((*_keys(cell), *_values(cell.forward)))
            for cell in cells
            if cell.forward is not None
        ),
        keys=2,
    )


def _keys(cell: CellComparison) -> tuple[Value, Value]:
    return Value(backbone_of(cell.new)), Value(backend_of(cell.new))


def _values(change: Change) -> tuple[Value, ...]:
    seen = change.smallest_seen
    return (
        Value(_milliseconds(change.base_ns)),
        Value(_milliseconds(change.new_ns)),
        share_value(change.ratio),
        share_value(change.low),
        share_value(change.high),
        Value(
            VERDICT_WORDS[change.verdict],
            mark=GATED if change.gated else NOISY if change.noisy else "",
            tone=TONES[change.verdict],
        ),
        ABSENT if seen is None else Value(f"{100 * seen:.1f}"),
    )


def _milliseconds(ns: float) -> str:
    """Return a time with three significant digits; the interval is the change's."""
    value = ns / NANOSECONDS_PER_MS
    whole = len(str(int(value))) if value >= 1 else 0
    return f"{value:.{max(0, 3 - whole)}f}" if value >= 0.01 else f"{value:.2g}"  # noqa: PLR2004


def other_times(comparison: Comparison) -> Iterator[Block]:
    """Yield the times besides ``forward`` that changed, cells with the largest changes first.

    Of cells without a ``forward``, such as quoted ones, all are shown.
    """
    by_cell = [
        (
            cell,
            [
                each
                for each in cell.changes
                if each.scope != "forward" and (each.listed or cell.forward is None)
            ],
        )
        for cell in comparison.compared
    ]
    found = sorted(
        ((cell, changes) for cell, changes in by_cell if changes),
        key=lambda pair: -max(map(_distance, pair[1])),
    )
    rows = [
        Row(
            (
                *_keys(cell),
                Value(time_name(change.scope, change.image)),
                *_values(change)[: len(CHANGE_COLUMNS)],
            )
        )
        for cell, changes in found
        for change in changes
    ]
    if not rows:
        return
    yield Heading("Other times")
    yield Table(
        columns=(*key_columns("model", "backend", "time"), *CHANGE_COLUMNS),
        rows=tuple(rows[:MOST_ROWS]),
        keys=3,
    )
    yield from _more(rows)


def _distance(change: Change) -> float:
    """Return how far from no change it is: twice as long is as far as half as long."""
    return max(change.ratio, 1 / change.ratio)


def other_changes(comparison: Comparison) -> Iterator[Block]:
    """Yield what changed besides times."""
    rows = [
        Row((*_keys(cell), Value(other.name), Value(clean(other.base)), Value(clean(other.new))))
        for cell in comparison.cells
        for other in cell.others
    ]
    if rows:
        yield Heading("Besides latency")
        yield Table(
            columns=(*key_columns("model", "backend", "what"), Column("base"), Column("new")),
            rows=tuple(rows[:MOST_ROWS]),
            keys=3,
        )
        yield from _more(rows)


def _more(rows: Sequence[Row]) -> Iterator[Block]:
    if len(rows) > MOST_ROWS:
        yield Paragraph(f"and {len(rows) - MOST_ROWS:,} more (--format csv has all)", "faint")
