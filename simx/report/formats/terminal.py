"""Renders documents for a terminal, or for a file that is read in one."""

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec
from rich import box
from rich.align import Align
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from simx.common.spelling import spelt
from simx.report.blocks.document import (
    Block,
    Code,
    Column,
    Facts,
    Heading,
    Paragraph,
    Points,
    Row,
    Table,
    parts_of,
)
from simx.report.content import Screen
from simx.report.words.values import Tone, Value

NARROWEST = 60
"""Columns; a narrower terminal wraps lines."""

NARROWEST_KEY = 8
"""Columns that each key keeps."""

GAP = 2
"""Spaces between columns."""

STYLES: dict[Tone, str] = {
    "plain": "",
    "strong": "bold",
    "best": "bold green",
    "bad": "bold red",
    "faint": "dim",
    "warning": "magenta",
}
"""The terminal's own colours, legible on light and on dark."""


def render(blocks: Iterable[Block], screen: Screen) -> str:
    """Return a document's text, in lines of the screen's width or of ``NARROWEST``."""
    screen = msgspec.structs.replace(screen, width=max(screen.width, NARROWEST))
    console = Console(
        file=io.StringIO(),
        width=screen.width,
        height=25,
        force_terminal=screen.color,
        color_system="standard" if screen.color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    shown = [block for block in blocks if screen.detail or not block.detail]
    if screen.in_ascii:
        # Before they are laid out, because spellings are longer.
        texts = [spelt(msgspec.json.encode(block).decode()) for block in shown]
        pairs = zip(texts, shown, strict=True)
        shown = [msgspec.json.decode(text, type=type(block)) for text, block in pairs]
    with console.capture() as capture:
        for above, block in zip([None, *shown], shown, strict=False):
            if above is not None and _are_apart(above, block):
                console.print()
            for renderable in _renderables(block, screen):
                console.print(renderable, soft_wrap=isinstance(block, Code))
    text = "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
    return spelt(text) if screen.in_ascii else text


def _are_apart(above: Block, block: Block) -> bool:
    """Whether an empty line separates two blocks: paragraphs of the same kind have none."""
    if isinstance(above, Heading):
        return above.level > 1
    if isinstance(above, Facts):
        return not isinstance(block, Facts)
    if isinstance(above, Paragraph) and isinstance(block, Paragraph):
        return block.tone == "faint" and above.tone != "faint"
    return True


def _renderables(block: Block, screen: Screen) -> Iterator[RenderableType]:
    match block:
        case Heading(text):
            yield Text(text, "bold")
        case Paragraph(text, tone):
            yield Text(text, STYLES[tone])
        case Points(texts, tone):
            lead = "!" if tone in {"warning", "bad"} else "·"
            yield _list(((lead, text) for text in texts), STYLES[tone])
        case Facts(items):
            yield _list((name, " · ".join(of)) for name, of in items)
        case Table():
            yield from _tables(block, screen)
        case Code(text):
            yield Text(text.rstrip())


def _list(entries: Iterable[tuple[str, str]], style: str = "") -> RichTable:
    found = RichTable.grid(padding=(0, 1))
    found.add_column(no_wrap=True)
    found.add_column(overflow="fold")
    for lead, text in entries:
        found.add_row(Text(lead, "dim"), Text(text, style))
    return found


def _tables(table: Table, screen: Screen) -> Iterator[RenderableType]:
    """Yield the table; if it is too wide, yield parts with the keys in each."""
    width = screen.width
    if table.title:
        yield Text(table.title, "italic")
    widths = _widths(table, width)
    left_out = 0
    if not screen.detail and sum(widths) + GAP * (len(widths) - 1) > width:
        kept = [place for place, column in enumerate(table.columns) if not column.optional]
        left_out = len(table.columns) - len(kept)
        table = msgspec.structs.replace(
            table,
            columns=tuple(table.columns[place] for place in kept),
            rows=tuple(
                Row(tuple(row.values[place] for place in kept), row.section) for row in table.rows
            ),
        )
        widths = _widths(table, width)
    for number, places in enumerate(parts_of(table, [each + GAP for each in widths], width + GAP)):
        if number:
            yield Text()
        yield _part(table, places, widths)
    if left_out:
        yield Text(f"further columns in a wider terminal: {left_out}", STYLES["faint"])


def _widths(table: Table, width: int) -> list[int]:
    """Return each column's width; keys leave room for one other column, or half of the width."""
    natural = []
    for place, heading in enumerate(_headings(table.columns)):
        texts = [row.values[place].text for row in table.rows]
        sections = [row.section for row in table.rows if place == 0]
        natural.append(max(map(cell_len, [*heading.split(), *texts, *sections])))
    keys, others = natural[: table.keys], natural[table.keys :]
    limit = max(width // 2, width - max(others, default=0)) - GAP * table.keys
    most = max(
        (
            most
            for most in range(NARROWEST_KEY, limit + 1)
            if sum(min(each, most) for each in keys) <= limit
        ),
        default=NARROWEST_KEY,
    )
    keys = [min(each, most) for each in keys]
    left = width - sum(keys) - GAP * len(keys)
    return keys + [min(each, left) for each in others]


def _part(table: Table, places: Sequence[int], widths: Sequence[int]) -> RichTable:
    found = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), pad_edge=False)
    found.collapse_padding = True
    columns = [table.columns[place] for place in places]
    for place, column, heading in zip(places, columns, _headings(columns), strict=True):
        text = Text(heading, justify=column.justify)
        found.add_column(
            Align(text, column.justify, vertical="bottom"),
            header_style="dim",
            justify=column.justify,
            overflow="fold",
            width=widths[place],
        )
    for section, rows in groupby(table.rows, lambda row: row.section):
        if section:
            found.add_row(Text(section, "bold"))
        for row in rows:
            found.add_row(*(_text(row.values[place]) for place in places))
    return found


def _headings(columns: Sequence[Column]) -> list[str]:
    """Return headings that wrap at their spaces; the first column of a group has its name."""
    groups = ["", *(column.group for column in columns)]
    return [
        f"{column.group}\n{column.label}".strip() if column.group != before else column.label
        for before, column in zip(groups, columns, strict=False)
    ]


def _text(value: Value) -> Text:
    text = Text(value.figure, STYLES[value.tone])
    if value.detail:
        text.append(f" {value.detail}", "not bold")
    return text.append(value.mark)
