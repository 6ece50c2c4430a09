"""A table before it is rendered: the one shape that every format of it starts from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal

import msgspec

Align = Literal["left", "right", "point"]
"""``point`` puts decimal points below each other, for a column of one quantity."""

Tone = Literal["plain", "best", "bad", "faint"]

Run = tuple[int, ...]
"""Indices of neighbouring columns."""


class Value(msgspec.Struct, frozen=True):
    """The content of a field.

    ``figure`` is aligned at its decimal point; ``detail`` (an interval) and ``mark`` (a sign that
    a note explains) follow it.
    """

    figure: str
    detail: str = ""
    mark: str = ""
    tone: Tone = "plain"

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(part for part in (self.figure, self.detail) if part) + self.mark


ABSENT = Value("\N{EN DASH}", tone="faint")
"""Where there is nothing to show; not for a figure that is 0."""


class Column(msgspec.Struct, frozen=True):
    """A column's heading: its own name and unit, under the name of the group it belongs to.

    Neighbours with the same ``group`` stay together as long as they fit; an empty ``group`` is
    none.
    """

    name: str
    unit: str = ""
    group: str = ""
    align: Align = "point"


class Row(msgspec.Struct, frozen=True):
    """One row: what it is about (``keys``, one for each key column) and its values."""

    keys: tuple[str, ...]
    values: tuple[Value, ...]
    section: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Key columns, which every part of a table repeats, and the columns of values.

    With ``nested`` keys, a row that shares its first keys with the row above belongs to it, and a
    renderer may leave them out.
    """

    keys: tuple[Column, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    nested: bool = True


def pack(
    columns: Sequence[Column], run_width: Callable[[Run], int], available: int
) -> tuple[Run, ...]:
    """Spread columns over as many parts as it takes to cut none.

    Groups of columns stay in order, and whole where a part can hold them at all; one that is wider
    than a part goes on in the next. A part has at least one column.

    Args:
        columns: Their groups decide what belongs together.
        run_width: Returns the width of neighbouring columns of one group, in characters, with the
            space that parts them from what stands before.
        available: Width of a part, without its key columns.

    Returns:
        The indices of each part's columns; one part without any for no columns.
    """
    parts: list[Run] = []
    left = 0
    for group in groups(columns, range(len(columns))):
        for run in _runs_that_fit(group, run_width, available):
            needed = run_width(run)
            if parts and needed <= left:
                parts[-1] += run
            else:
                parts.append(run)
                left = available
            left -= needed
    return tuple(parts) or ((),)


def groups(columns: Sequence[Column], indices: Iterable[int]) -> tuple[Run, ...]:
    """Return the runs of columns that belong together; one without a group stands alone."""
    runs = groupby(indices, key=lambda index: columns[index].group or index)
    return tuple(tuple(run) for _, run in runs)


def _runs_that_fit(group: Run, run_width: Callable[[Run], int], available: int) -> Iterator[Run]:
    run: Run = ()
    for index in group:
        if run and run_width((*run, index)) > available:
            yield run
            run = ()
        run = (*run, index)
    yield run
