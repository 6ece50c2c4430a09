"""Renders lists of things that are no reports: what there is, what was exported."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from simx.common.safe_text import clean
from simx.report.blocks.table import ABSENT, Column, Row, Table, Value
from simx.report.console import NARROWEST, to_string
from simx.report.formats.comma_separated import safe
from simx.report.formats.comma_separated import to_string as to_csv
from simx.report.formats.pipe_tables import table_lines
from simx.report.grid import lines

Field = str | int | float | None


class ListColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a list.

    ``name`` is for programs; ``heading`` and, below it, ``unit`` are for people, who see
    ``decimals`` decimals of a float where programs get all. Columns of ``text`` stand to the left.
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


class RenderListing(Protocol):
    """What a format of lists is; ``width`` and ``color`` are the terminal's."""

    def __call__(self, listing: Listing, /, *, width: int, color: bool) -> str:
        """Return text that ends with a line feed."""


def render_table(listing: Listing, /, *, width: int, color: bool) -> str:
    """Return a list for a terminal; no line is wider than it."""
    return to_string(lines(_table(listing), max(width, NARROWEST)), width=width, color=color)


def render_markdown(listing: Listing, /, *, width: int, color: bool) -> str:
    """Return a list as pipe tables, whatever the terminal."""
    del width, color
    return "\n".join(table_lines(_table(listing))) + "\n"


def render_csv(listing: Listing, /, *, width: int, color: bool) -> str:
    """Return a list as CSV with all digits, whatever the terminal."""
    del width, color
    rows = ([_plain(field) for field in row] for row in listing.rows)
    return to_csv([column.name for column in listing.columns], rows)


LISTING_FORMATS: Mapping[str, RenderListing] = {
    "table": render_table,
    "markdown": render_markdown,
    "csv": render_csv,
}
"""By the name that ``--format`` takes; JSON is the caller's own records, not a rendering."""


def _table(listing: Listing) -> Table:
    columns = [
        Column(column.heading, column.unit, align="left" if column.text else "point")
        for column in listing.columns
    ]
    values = [
        [_value(column, field) for column, field in zip(listing.columns, row, strict=True)]
        for row in listing.rows
    ]
    return Table(
        keys=tuple(columns[: listing.keys]),
        columns=tuple(columns[listing.keys :]),
        rows=tuple(
            Row(tuple(key.figure for key in row[: listing.keys]), tuple(row[listing.keys :]))
            for row in values
        ),
        nested=False,
    )


def _value(column: ListColumn, field: Field) -> Value:
    if field is None:
        return ABSENT
    return Value(f"{field:.{column.decimals}f}" if isinstance(field, float) else clean(str(field)))


def _plain(field: Field) -> str:
    if isinstance(field, str):
        return safe(field)
    return "" if field is None else repr(field)
