"""Renders whole documents as GitHub-flavoured Markdown; no text of theirs becomes markup."""

import re
from collections.abc import Iterable, Iterator

from simx.report.blocks.document import Block, Code, Facts, Heading, Paragraph, Points, Row, Table
from simx.report.words.values import Value

_SPECIAL = re.compile(
    r"[\\`*\[\]|~$#]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|(?<=:)/(?=/)|(?<=www)\."
    r"|^[-+=](?=[\s\-+=]|$)",
    re.IGNORECASE,
)
"""What Markdown reads as markup, with addresses and the start of a list's line; an underscore
within a word is not markup."""

_NUMBER_OF_A_LIST = re.compile(r"^(\d+)([.)])(?=\s|$)")


def render(blocks: Iterable[Block]) -> str:
    """Return a document's text, with its details."""
    return "\n".join(line for block in blocks for line in (*_lines(block), "")).rstrip() + "\n"


def escape(text: str) -> str:
    """Return clean text as Markdown that shows it as it is, on one line and in a table too."""
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], entities)
    return _NUMBER_OF_A_LIST.sub(r"\1\\\2", escaped)


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"{'#' * level} {escape(text)}"
        case Paragraph(text, tone):
            yield f"**{escape(text)}**" if tone in {"strong", "warning", "bad"} else escape(text)
        case Points(texts):
            yield from (f"- {escape(text)}" for text in texts)
        case Facts(items):
            yield from (f"- **{escape(name)}:** {escape(' · '.join(of))}" for name, of in items)
        case Table():
            yield from _table(block)
        case Code(text):
            yield from ("```python", *text.splitlines(), "```")


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield from (f"**{escape(table.title)}**", "")
    heads = ((column.group, column.label) for column in table.columns)
    yield _line("<br>".join(escape(part) for part in head if part) for head in heads)
    yield _line("---" if column.justify == "left" else "---:" for column in table.columns)
    yield from (_line(_fields(row)) for row in table.rows)


def _line(fields: Iterable[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _fields(row: Row) -> Iterator[str]:
    first, *others = row.values
    yield escape(f"{row.section}: {first.text}") if row.section else _field(first)
    yield from map(_field, others)


def _field(value: Value) -> str:
    text = escape(value.text)
    return f"**{text}**" if value.tone == "best" else text
