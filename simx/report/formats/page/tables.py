"""The page's tables: every cell's figures, spread over as many tables as there are views."""

from collections.abc import Sequence
from itertools import groupby

import msgspec

from simx.report.blocks.range_tables import SAID_ABOVE, range_table
from simx.report.blocks.table import Column, Row, Table
from simx.results.summaries.summary import BackboneSummary, Executor

VIEWS = (
    ("Latency", ("forward", "catalogue")),
    ("Embedding time", ("embedding inference time, ms",)),
    (
        "Similarity",
        (
            "similarity, %",
            "similarity inference time, µs",
            "similarity from the host, µs",
            "embedding",
        ),
    ),
    ("Stages", ("stages of the anchor, ms", "stages of the negative, ms")),
    ("Parity and memory", ("parity with torch", "memory")),
)
"""What is shown together: a view's name, and the groups of columns that are in it."""

OTHERS = "Other figures"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One table. ``groups`` are the names over its columns, each with how many it spans."""

    name: str
    groups: tuple[tuple[str, int], ...]
    table: Table


def views(backbones: Sequence[BackboneSummary], executors: Sequence[Executor]) -> tuple[View, ...]:
    """Return the views that have a column; each has one row for each cell, in the same order."""
    table = _self_contained(range_table(backbones, executors, "models"), backbones)
    known = {group for _, groups in VIEWS for group in groups}
    further = tuple(column.group for column in table.columns if column.group not in known)
    found = (_view(name, table, groups) for name, groups in (*VIEWS, (OTHERS, further)))
    return tuple(view for view in found if view.table.columns)


def groups_of(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """Return the names over neighbouring columns, each with how many it spans."""
    return tuple((name, len(list(of))) for name, of in groupby(column.group for column in columns))


def _view(name: str, table: Table, groups: Sequence[str]) -> View:
    places = [
        place
        for group in dict.fromkeys(groups)
        for place, column in enumerate(table.columns)
        if column.group == group
    ]
    columns = tuple(table.columns[place] for place in places)
    rows = tuple(Row(row.keys, tuple(row.values[place] for place in places)) for row in table.rows)
    return View(
        name=name,
        groups=groups_of(columns),
        table=Table(keys=table.keys, columns=columns, rows=rows, nested=False),
    )


def _self_contained(table: Table, backbones: Sequence[BackboneSummary]) -> Table:
    """Return the table with no row that relies on the one above, so that rows can be sorted."""
    rows: list[Row] = []
    places = iter(table.rows)
    for backbone in backbones:
        of_backbone = [next(places) for _ in backbone.cells]
        first = of_backbone[0]
        rows += [_filled(row, first) for row in of_backbone]
    return msgspec.structs.replace(table, rows=tuple(rows))


def _filled(row: Row, first: Row) -> Row:
    values = (
        above if value == SAID_ABOVE else value
        for value, above in zip(row.values, first.values, strict=True)
    )
    return msgspec.structs.replace(row, values=tuple(values))
