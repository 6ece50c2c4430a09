"""All kinds of nodes beside each other: a column for each kind and target, and what it costs."""

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from simx.common.safe_text import clean
from simx.report.blocks.document import Block, Column, Heading, Points, Row, Table
from simx.report.blocks.quantities import Show, cost, measured, timed
from simx.report.blocks.report_tables import key_columns, keys_of
from simx.report.words.names import FASTEST, TIED, differing_settings, target_name
from simx.report.words.values import ABSENT, Value
from simx.results.schema.report import Report
from simx.results.summaries.kinds import AcrossKinds, Place, across, allowance

_OWN_MARKS = str.maketrans("", "", FASTEST + TIED)
"""The marks within a kind, which another kind's figure stands beside here."""


def kind_blocks(reports: Sequence[Report]) -> Iterator[Block]:
    """Yield the table of ``forward`` and of the costs on all kinds, and how kinds are compared.

    Args:
        reports: What each kind measured.
    """
    share = allowance(reports)
    rows = across(reports, share)
    settings = differing_settings([row.backbone for row in rows])
    forward = measured(timed("forward", spread=True))
    columns: list[tuple[Column, list[Value]]] = []
    for name, target in dict.fromkeys(place for row in rows for place in row.cells):
        place = name, target
        (price,) = (kind.price for of in reports for kind in of.kinds if kind.name == name)
        title, group = target_name(target), clean(name)
        values = [_shown(row, place, forward, row.fastest) for row in rows]
        columns.append((Column(title, "ms", group), values))
        if price:
            costs = measured(partial(cost, price.currency))
            values = [_shown(row, place, costs, row.cheapest) for row in rows]
            columns.append((Column(title, f"{price.currency}/million", group), values))
    yield Heading("Kinds of nodes")
    yield Table(
        title="",
        columns=(*key_columns("model", *settings), *(column for column, _ in columns)),
        rows=tuple(
            Row((*keys_of(row.backbone, settings), *(values[place] for _, values in columns)))
            for place, row in enumerate(rows)
        ),
        keys=1 + len(settings),
    )
    apart = (
        "kinds were measured by themselves, so that nothing is paired: two count as different only "
        f"if they are apart by {100 * share:.1f} % more than their intervals, which is what nodes "
        "and moments differed in"
    )
    meaning = (
        "cost: of the whole node, for a million pictures at the throughput of forward, as if it "
        "were never idle"
    )
    best = f"{FASTEST} the fastest, and the cheapest, of all kinds; {TIED} tied with it"
    yield Points((best, apart, meaning), "faint")


def _shown(row: AcrossKinds, place: Place, show: Show, best: Sequence[Place]) -> Value:
    if place not in row.cells:
        return ABSENT
    value = show(*row.cells[place])
    mark = value.mark.translate(_OWN_MARKS)
    if best == (place,):
        return msgspec.structs.replace(value, mark=FASTEST + mark, tone="best")
    tied = TIED if place in best else ""
    return msgspec.structs.replace(
        value, mark=tied + mark, tone="plain" if value.tone == "best" else value.tone
    )
