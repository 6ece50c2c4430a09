"""The tables of a comparison."""

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
"""Rows in the tables of other times and other changes, which can be very long."""

CHANGE_COLUMNS = (
    Column("base", "ms"),
    Column("new", "ms"),
    Column("change", "%"),
    Column("from", "%"),
    Column("to", "%"),
)
"""The first five of ``_values``."""


def forward_table(cells: Sequence[CellComparison]) -> Table:
    """Return the change of ``forward`` in each cell; all of them have it."""
    return Table(
        columns=(
            *key_columns("model", "backend"),
            *CHANGE_COLUMNS,
            Column("verdict", justify="left"),
            Column("seen from", "%", optional=True),
        ),
        rows=tuple(Row((*_keys(cell), *_values(cell.forward))) for cell in cells if cell.forward),
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
    """Return a time with three significant digits."""
    value = ns / NANOSECONDS_PER_MS
    whole = len(str(int(value))) if value >= 1 else 0
    return f"{value:.{max(0, 3 - whole)}f}" if value >= 0.01 else f"{value:.2g}"  # noqa: PLR2004


def other_times(comparison: Comparison) -> Iterator[Block]:
    """Yield the changed times besides ``forward``, cells with the largest changes first.

    All times are shown of cells without ``forward``, such as quoted ones.
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
    found = [pair for pair in by_cell if pair[1]]
    # Twice as long is as far from no change as half as long.
    found.sort(key=lambda pair: -max(max(each.ratio, 1 / each.ratio) for each in pair[1]))
    rows = [
        (
            *_keys(cell),
            Value(time_name(each.scope, each.image)),
            *_values(each)[: len(CHANGE_COLUMNS)],
        )
        for cell, changes in found
        for each in changes
    ]
    yield from _table("Other times", "time", CHANGE_COLUMNS, rows)


def other_changes(comparison: Comparison) -> Iterator[Block]:
    """Yield the changes besides times."""
    rows = [
        (*_keys(cell), Value(other.name), Value(clean(other.base)), Value(clean(other.new)))
        for cell in comparison.cells
        for other in cell.others
    ]
    yield from _table("Besides latency", "what", (Column("base"), Column("new")), rows)


def _table(
    title: str, key: str, columns: Sequence[Column], rows: Sequence[tuple[Value, ...]]
) -> Iterator[Block]:
    """Yield a table, its heading, and the number of rows left out; nothing for no rows."""
    if rows:
        yield Heading(title)
        yield Table(
            columns=(*key_columns("model", "backend", key), *columns),
            rows=tuple(map(Row, rows[:MOST_ROWS])),
            keys=3,
        )
    if len(rows) > MOST_ROWS:
        yield Paragraph(f"and {len(rows) - MOST_ROWS:,} more (--format csv has all)", "faint")
