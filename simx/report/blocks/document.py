"""Headings, paragraphs and tables, and what a terminal and Markdown make of them.

Whatever is told to people beside a report's own tables is put together from these once.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

import msgspec
from rich.text import Text

from simx.report.blocks.table import Table
from simx.report.console import NARROWEST, to_string
from simx.report.formats.pipe_tables import escape, table_lines
from simx.report.grid import lines
from simx.report.wrapping import wrap

Weight = Literal["plain", "faint", "warning", "bad"]
"""``faint`` explains, ``warning`` has to be seen, and ``bad`` has to be mended."""

_STYLES: dict[Weight, str] = {
    "plain": "",
    "faint": "dim",
    "warning": "yellow",
    "bad": "bold red",
}


class Heading(msgspec.Struct, frozen=True):
    """The title of what follows."""

    text: str


class Paragraph(msgspec.Struct, frozen=True):
    """A sentence or a few."""

    text: str
    weight: Weight = "plain"


Block = Heading | Paragraph | Table


def to_terminal(blocks: Iterable[Block], *, width: int, color: bool) -> str:
    """Return blocks of text that is safe to print; no line is wider than the terminal."""
    width = max(width, NARROWEST)
    texts: list[Text] = []
    above: Block | None = None
    for block in blocks:
        if above is not None and _are_apart(above, block):
            texts.append(Text())
        texts += _for_terminal(block, width)
        above = block
    return to_string(texts, width=width, color=color)


def to_markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as GitHub-flavoured Markdown."""
    every = chain.from_iterable((*_for_markdown(block), "") for block in blocks)
    return "\n".join(every).rstrip() + "\n"


def indented(text: str, width: int, style: str = "") -> Iterator[Text]:
    """Yield a paragraph whose further lines stand below its first word."""
    first, *further = wrap(text, width - 2)
    yield Text(first, style)
    for line in further:
        yield Text("  " + line, style)


def _are_apart(above: Block, block: Block) -> bool:
    """Whether an empty line goes between two blocks: paragraphs of a kind stand together."""
    if isinstance(above, Paragraph) and isinstance(block, Paragraph):
        return block.weight == "faint" and above.weight != "faint"
    return True


def _for_terminal(block: Block, width: int) -> Iterator[Text]:
    match block:
        case Heading(text):
            yield from indented(text, width, "bold cyan")
        case Paragraph(text, weight):
            yield from indented(text, width, _STYLES[weight])
        case Table():
            yield from lines(block, width)


def _for_markdown(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"## {escape(text)}"
        case Paragraph(text, weight):
            yield f"**{escape(text)}**" if weight in {"warning", "bad"} else escape(text)
        case Table():
            yield from table_lines(block)
