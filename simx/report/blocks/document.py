"""A document: the form of every result for people, before a format renders it.

All its text is safe to print. A short rendering leaves out blocks with ``detail``.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from simx.report.words.values import Tone, Value

Justify = Literal["left", "right"]

Layout = Literal["models", "origin"]
"""``models``: one row per model. ``origin``: one column per model."""


class Heading(msgspec.Struct, frozen=True):
    """The title of the next blocks; ``level`` 1 is the title of a report."""

    text: str
    level: int = 2
    detail: bool = False


class Paragraph(msgspec.Struct, frozen=True):
    """One or more sentences."""

    text: str
    tone: Tone = "plain"
    detail: bool = False


class Points(msgspec.Struct, frozen=True):
    """A list of sentences."""

    texts: tuple[str, ...]
    tone: Tone = "plain"
    detail: bool = False


class Facts(msgspec.Struct, frozen=True):
    """Names, each with its items."""

    items: tuple[tuple[str, tuple[str, ...]], ...]
    detail: bool = False


class Column(msgspec.Struct, frozen=True):
    """A column's heading: its name and unit, below the group that neighbouring columns share.

    A short rendering leaves out ``optional`` columns if the table is too wide with them.
    """

    name: str
    unit: str = ""
    group: str = ""
    justify: Justify = "right"
    optional: bool = False

    @property
    def label(self) -> str:
        """Name and unit on one line."""
        return ", ".join(part for part in (self.name, self.unit) if part)


class Row(msgspec.Struct, frozen=True):
    """One value for each column; rows of a ``section`` follow each other."""

    values: tuple[Value, ...]
    section: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table; its first ``keys`` columns identify a row."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    keys: int = 1
    title: str = ""
    detail: bool = False


class Code(msgspec.Struct, frozen=True):
    """A program, whose lines stay as they are."""

    text: str
    detail: bool = False


Block = Heading | Paragraph | Points | Facts | Table | Code


def groups_of(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """Return the groups of neighbouring columns, each with how many columns it spans."""
    return tuple((name, len(list(of))) for name, of in groupby(columns, lambda each: each.group))


def parts_of(table: Table, widths: Sequence[int], available: int) -> Iterator[list[int]]:
    """Distribute a table's columns over several parts, none wider than available.

    A group stays whole if a part can hold it.

    Args:
        table: The table.
        widths: Width of each column in characters, with the space beside it.
        available: Width of a part in characters.

    Yields:
        The places of a part's columns: the keys, then at least one other.
    """
    keys, part = list(range(table.keys)), list[int]()
    room = available - sum(widths[: table.keys])
    others = range(table.keys, len(widths))

    def is_full(*further: int) -> bool:
        return bool(part) and sum(widths[place] for place in (*part, *further)) > room

    for _, places in groupby(others, key=lambda place: table.columns[place].group or place):
        group = list(places)
        if is_full(*group):
            yield keys + part
            part = []
        for place in group:
            if is_full(place):
                yield keys + part
                part = []
            part.append(place)
    yield keys + part
