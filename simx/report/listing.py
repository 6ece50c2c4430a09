"""Lists of things that are no reports: backbones, exports, what was removed."""

from collections.abc import Iterable, Sequence

import msgspec

from simx.common.safe_text import clean
from simx.report.blocks.document import Column, Row, Table
from simx.report.content import Content
from simx.report.formats.comma_separated import safe, written
from simx.report.formats.json import json_document
from simx.report.words.values import ABSENT, Value

Field = str | int | float | None


class ListColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a list.

    ``name`` is for programs; ``heading`` and ``unit`` are for people, who see ``decimals`` decimals
    of a float where programs get all. Columns of ``text`` stand to the left.
    """

    name: str
    heading: str
    unit: str = ""
    decimals: int = 2
    text: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A list: every row has a field for each column, None where there is nothing.

    The first ``keys`` columns say what a row is about; a terminal that is too narrow for all
    columns shows them again beside the rest.
    """

    columns: tuple[ListColumn, ...]
    rows: tuple[tuple[Field, ...], ...]
    keys: int = 1


def listing_content(records: Sequence[msgspec.Struct], listing: Listing) -> Content:
    """Return a list for every format: the records themselves as JSON, else the columns."""
    return Content(
        blocks=lambda: (_table(listing),),
        csv=lambda: written([column.name for column in listing.columns], map(_plain, listing.rows)),
        json=lambda: json_document(records),
    )


def _table(listing: Listing) -> Table:
    columns = listing.columns
    return Table(
        columns=tuple(
            Column(each.heading, each.unit, justify="left" if each.text else "right")
            for each in columns
        ),
        rows=tuple(
            Row(tuple(_value(column, field) for column, field in zip(columns, row, strict=True)))
            for row in listing.rows
        ),
        keys=listing.keys,
    )


def _value(column: ListColumn, field: Field) -> Value:
    if field is None:
        return ABSENT
    return Value(f"{field:.{column.decimals}f}" if isinstance(field, float) else clean(str(field)))


def _plain(row: Iterable[Field]) -> list[str]:
    """Return a row with all digits."""
    return [
        safe(field) if isinstance(field, str) else "" if field is None else repr(field)
        for field in row
    ]
