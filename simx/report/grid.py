"""Lays a table out in lines of text that fit a width: nothing is cut, nothing wraps by itself.

A table that is wider than the width goes on below, with its key columns repeated.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile, zip_longest

import msgspec
from rich.cells import cell_len
from rich.text import Text

from simx.report.blocks.table import Row, Run, Table, groups, pack
from simx.report.fields import Fields, fields
from simx.report.wrapping import balanced, pad, wrap

GAP = 2
GROUP_GAP = 3
INDENT = 2
RULE = "─"


class _Grid(msgspec.Struct, frozen=True):
    """A table whose columns are aligned; ``keys`` are the widths of its key columns.

    Keys are set in by ``indent`` below the names of their sections.
    """

    table: Table
    keys: tuple[int, ...]
    columns: tuple[Fields, ...]
    indent: int
    parts: tuple[Run, ...]


def lines(table: Table, width: int) -> Iterator[Text]:
    """Yield the table's lines; none is wider than ``width`` unless a single column is.

    Nested keys stand side by side, or above each other where that saves the table a part; long
    names of columns are broken where that saves one.

    Args:
        table: With strings that are safe to print.
        width: Of the terminal, in columns.
    """
    grids = [_grid(table, width)]
    if any("_" in column.name for column in table.columns):
        grids.append(_grid(table, width, break_names=True))
    if table.nested and not grids[0].indent:
        grids.append(_grid(_stacked(table), width))
    grid = min(grids, key=lambda each: len(each.parts))
    for number, part in enumerate(grid.parts):
        if number:
            yield Text()
        yield from _part(grid, groups(table.columns, part))


def _grid(table: Table, width: int, *, break_names: bool = False) -> _Grid:
    columns = tuple(
        fields(column, [row.values[index] for row in table.rows], break_name=break_names)
        for index, column in enumerate(table.columns)
    )
    indent = INDENT if any(row.section for row in table.rows) else 0
    keys = _key_widths(table, width * 3 // 5 - indent)
    available = width - indent - sum(keys) - GAP * (len(keys) - 1)
    parts = pack(table.columns, lambda run: GROUP_GAP + _run_width(table, columns, run), available)
    return _Grid(table, keys, columns, indent, parts)


def _stacked(table: Table) -> Table:
    """Return the table with all keys but the last one on a line of their own above their rows."""
    rows = (Row(row.keys[-1:], row.values, section=" ".join(row.keys[:-1])) for row in table.rows)
    return Table(keys=table.keys[-1:], columns=table.columns, rows=tuple(rows))


def _part(grid: _Grid, runs: Sequence[Run]) -> Iterator[Text]:
    """Yield headings and rows of the columns that stand side by side."""
    yield from _titles(grid, runs)
    yield from _headings(grid, runs)
    above: Row | None = None
    for number, row in enumerate(grid.table.rows):
        if row.section and (above is None or row.section != above.section):
            yield Text(row.section, "bold")
        yield from _row(grid, runs, number, _new_keys(grid.table, row, above))
        above = row


def _titles(grid: _Grid, runs: Sequence[Run]) -> Iterator[Text]:
    """Yield the names of the groups, each over a rule as wide as the group."""
    widths = [_run_width(grid.table, grid.columns, run) for run in runs]
    names = [grid.table.columns[run[0]].group for run in runs]
    if not any(names):
        return
    wrapped = [balanced(name, width) for name, width in zip(names, widths, strict=True)]
    height = max(map(len, wrapped))
    for level in range(height):
        texts = [([""] * (height - len(title)) + title)[level] for title in wrapped]
        yield _line(grid, runs, [], [[Text(text, "bold")] for text in texts])
    rules = [RULE * width if name else "" for name, width in zip(names, widths, strict=True)]
    yield _line(grid, runs, [], [[Text(rule, "dim")] for rule in rules])


def _headings(grid: _Grid, runs: Sequence[Run]) -> Iterator[Text]:
    height = max((len(grid.columns[index].heading) for run in runs for index in run), default=1)
    for level in range(height):
        keys = [key.name for key in grid.table.keys] if level == height - 1 else []
        texts = [[_heading(grid.columns[index], level - height) for index in run] for run in runs]
        yield _line(grid, runs, keys, texts)
    rules = [RULE * width for width in grid.keys]
    under = [[Text(RULE * grid.columns[index].width, "dim") for index in run] for run in runs]
    yield _line(grid, runs, rules, under)


def _heading(column: Fields, level: int) -> Text:
    """Return a line of a column's heading, counted from the bottom: -1 is the last one."""
    has_it = -level <= len(column.heading)
    return Text(column.heading[level] if has_it else " " * column.width, "dim")


def _row(grid: _Grid, runs: Sequence[Run], number: int, keys: Sequence[str]) -> Iterator[Text]:
    """Yield a row, and below it what its keys need of further lines."""
    wrapped = [wrap(key, width) for key, width in zip(keys, grid.keys, strict=True)]
    values = [[grid.columns[index].values[number] for index in run] for run in runs]
    first, *further = zip_longest(*wrapped, fillvalue="")
    yield _line(grid, runs, first, values)
    for line in further:
        yield _line(grid, [], line, [])


def _line(
    grid: _Grid, runs: Sequence[Run], keys: Sequence[str], texts: Sequence[Sequence[Text]]
) -> Text:
    """Put keys and texts in their places; a run's texts fill it from the left."""
    shown = keys or [""] * len(grid.keys)
    padded = [pad(key, width) for key, width in zip(shown, grid.keys, strict=True)]
    line = Text(" " * grid.indent + (" " * GAP).join(padded))
    for run, of_run in zip(runs, texts, strict=True):
        joined = Text(" " * GAP).join(of_run)
        line.append(" " * GROUP_GAP).append_text(joined)
        line.append(" " * (_run_width(grid.table, grid.columns, run) - joined.cell_len))
    line.rstrip()
    return line


def _new_keys(table: Table, row: Row, above: Row | None) -> list[str]:
    """Return a row's keys, without the first ones if those of the row above are the same."""
    if not table.nested or above is None or row.section != above.section:
        return list(row.keys)
    pairs = zip(row.keys, above.keys, strict=True)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return ["" if place < same else key for place, key in enumerate(row.keys)]


def _key_widths(table: Table, limit: int) -> tuple[int, ...]:
    """Return the key columns' widths, the widest narrowed until together they keep a limit."""
    widths = [
        max(map(cell_len, (key.name, *(row.keys[place] for row in table.rows))))
        for place, key in enumerate(table.keys)
    ]
    while (excess := sum(widths) + GAP * (len(widths) - 1) - limit) > 0 and max(widths) > 1:
        widest = widths.index(max(widths))
        second = max([1, *(width for place, width in enumerate(widths) if place != widest)])
        widths[widest] = max(widths[widest] - excess, min(second, widths[widest] - 1))
    return tuple(widths)


def _run_width(table: Table, columns: Sequence[Fields], run: Run) -> int:
    longest_word = max(map(cell_len, table.columns[run[0]].group.split(" ")))
    own = sum(columns[index].width for index in run) + GAP * (len(run) - 1)
    return max(own, longest_word)
