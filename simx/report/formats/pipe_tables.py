"""Tables as GitHub-flavoured Markdown writes them, of whatever is in them."""

import re
from collections.abc import Iterable, Iterator, Sequence

from simx.report.blocks.table import Column, Row, Run, Table, Value, pack

PAGE_WIDTH = 130
"""Characters side by side, about what a page shows without scrolling; the terminal's width has
nothing to do with it."""

_SPECIAL = re.compile(
    r"[\\`*\[\]|~$#]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|(?<=:)/(?=/)|(?<=www)\."
    r"|^[-+=](?=[\s\-+=]|$)",
    re.IGNORECASE,
)
"""What Markdown would read as markup. An underscore within a word is none; an address is, and so is
what a line of a list begins with."""

_NUMBER_OF_A_LIST = re.compile(r"^(\d+)([.)])(?=\s|$)")


def table_lines(table: Table) -> Iterator[str]:
    """Yield a table as pipe tables, as many as it takes to keep within a page's width."""
    widths = [_width(column, table.rows, index) for index, column in enumerate(table.columns)]
    keys = sum(
        3 + max(map(len, (column.name, *(_key(row, place) for row in table.rows))))
        for place, column in enumerate(table.keys)
    )

    def run_width(run: Run) -> int:
        return sum(widths[index] + 3 for index in run)

    for number, part in enumerate(pack(table.columns, run_width, PAGE_WIDTH - keys)):
        if number:
            yield ""
        yield from _part(table, part)


def escape(text: str) -> str:
    """Return clean text as Markdown that shows it as it is, on one line and in a table too."""
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], entities)
    return _NUMBER_OF_A_LIST.sub(r"\1\\\2", escaped)


def _part(table: Table, part: Run) -> Iterator[str]:
    columns = (*table.keys, *(table.columns[index] for index in part))
    yield _line(_head(column) for column in columns)
    yield _line("---" if column.align == "left" else "---:" for column in columns)
    for row in table.rows:
        keys = (escape(_key(row, place)) for place in range(len(row.keys)))
        yield _line((*keys, *(_value(row.values[index]) for index in part)))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(column: Column) -> str:
    name = ", ".join(part for part in (column.name, column.unit) if part)
    return "<br>".join(escape(part) for part in (column.group, name) if part)


def _key(row: Row, place: int) -> str:
    """Return a key; the section, which has no line of its own here, goes before the first."""
    return f"{row.section}: {row.keys[place]}" if row.section and place == 0 else row.keys[place]


def _value(value: Value) -> str:
    text = escape(value.text)
    return f"**{text}**" if value.tone == "best" else text


def _width(column: Column, rows: Sequence[Row], index: int) -> int:
    values = (row.values[index].text for row in rows)
    return max(map(len, (column.name, column.unit, *values)))
