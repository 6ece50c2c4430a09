"""Lists other than reports: backbones, exports, removed files."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from simx.common.safe_text import clean
from simx.report.blocks.document import Block, Column, Points, Row, Table
from simx.report.content import Content
from simx.report.formats.comma_separated import safe, written
from simx.report.formats.json import json_document
from simx.report.words.values import ABSENT, Value

Field = str | int | float | None

Listed = TypeVar("Listed")


class ListColumn(msgspec.Struct, Generic[Listed], frozen=True):
    """One column of a list; ``read`` returns a record's field in it, or None.

    ``name`` is for programs, which get all digits. ``heading`` (by default the name), ``unit`` and
    ``decimals`` are for people. Columns of ``text`` are aligned to the left.
    """

    name: str
    read: Callable[[Listed], Field]
    heading: str = ""
    unit: str = ""
    decimals: int = 2
    text: bool = False


def listing_content(
    records: Sequence[Listed],
    columns: Sequence[ListColumn[Listed]],
    *,
    keys: int = 1,
    notes: tuple[str, ...] = (),
) -> Content:
    """Return a list for every format: the records themselves as JSON, else the columns.

    Args:
        records: One for each row.
        columns: In their order.
        keys: How many of the first columns identify a row; a narrow terminal repeats them beside
            the rest.
        notes: For people, below the table.
    """
    table = Table(
        columns=tuple(
            Column(each.heading or each.name, each.unit, justify="left" if each.text else "right")
            for each in columns
        ),
        rows=tuple(
            Row(tuple(_value(column.read(record), column.decimals) for column in columns))
            for record in records
        ),
        keys=keys,
    )
    blocks: tuple[Block, ...] = (table, Points(tuple(map(clean, notes)))) if notes else (table,)
    return Content(
        blocks=lambda: blocks,
        csv=lambda: written(
            [column.name for column in columns],
            ({each.name: _plain(each.read(record)) for each in columns} for record in records),
        ),
        json=lambda: json_document(records),
    )


def _value(field: Field, decimals: int) -> Value:
    if field is None:
        return ABSENT
    return Value(f"{field:.{decimals}f}" if isinstance(field, float) else clean(str(field)))


def _plain(field: Field) -> str:
    if isinstance(field, str):
        return safe(field)
    return "" if field is None else repr(field)
