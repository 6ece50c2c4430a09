"""A document: what every result becomes for people, before a format renders it.

All text in it is safe to print. Blocks with ``detail`` are left out of a short rendering.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from simx.report.words.values import Tone, Value

Justify = Literal["left", "right"]

Layout = Literal["models", "origin"]
"""``models``: models are rows, quantities columns. ``origin``: the other way round."""


class Heading(msgspec.Struct, frozen=True):
    """The title of what follows; ``level`` 1 is a whole report's."""

    text: str
    level: int = 2
    detail: bool = False


class Paragraph(msgspec.Struct, frozen=True):
    """A sentence or a few."""

    text: str
    tone: Tone = "plain"
    detail: bool = False


class Points(msgspec.Struct, frozen=True):
    """Sentences that stand one below the other."""

    texts: tuple[str, ...]
    tone: Tone = "plain"
    detail: bool = False


class Facts(msgspec.Struct, frozen=True):
    """Names, each with the items that belong to it."""

    items: tuple[tuple[str, tuple[str, ...]], ...]
    detail: bool = False


class Column(msgspec.Struct, frozen=True):
    """A column's heading: its name and unit, below the group that neighbouring columns share.

    A short rendering leaves out ``optional`` columns where a table would be too wide with them.
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
    """A table; its first ``keys`` columns say what a row is about."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    keys: int = 1
    title: str = ""
    detail: bool = False


Block = Heading | Paragraph | Points | Facts | Table


def groups_of(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """Return the groups of neighbouring columns, each with how many columns it spans."""
    return tuple((name, len(list(of))) for name, of in groupby(columns, lambda each: each.group))


def parts_of(table: Table, widths: Sequence[int], available: int) -> Iterator[list[int]]:
    """Spread a table's columns over as many parts as it takes to cut none.

    A group stays whole where a part can hold it.

    Args:
        table: With at least as many columns as keys.
        widths: Of its columns, in characters, each with the space beside it.
        available: Width of a part.

    Yields:
        The places of a part's columns: those of the keys, then at least one other.
    """
    keys, part, used = list(range(table.keys)), list[int](), 0
    left = available - sum(widths[: table.keys])
    others = range(table.keys, len(widths))
    for _, places in groupby(others, key=lambda place: table.columns[place].group or place):
        group = list(places)
        if part and used + sum(widths[place] for place in group) > left:
            yield keys + part
            part, used = [], 0
        for place in group:
            if part and used + widths[place] > left:
                yield keys + part
                part, used = [], 0
            part.append(place)
            used += widths[place]
    yield keys + part
