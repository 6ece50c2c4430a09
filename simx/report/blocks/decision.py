"""A decision as a document: the unbeaten backbones, and which one to take."""

from collections.abc import Iterator, Sequence

import msgspec

from simx.common.safe_text import clean
from simx.report.blocks.document import Block, Column, Heading, Paragraph, Points, Row, Table
from simx.report.blocks.quantities import of_weights
from simx.report.blocks.report_tables import key_columns, keys_of
from simx.report.words import figures
from simx.report.words.heading import heading
from simx.report.words.names import NOISY, differing_settings
from simx.report.words.recommendation import answer, notes, title
from simx.report.words.values import Value
from simx.results.schema.report import Report
from simx.results.summaries.decision import Contender, Decision


def decision_blocks(report: Report, decision: Decision) -> Iterator[Block]:
    """Yield the answer for one target of a report, and its backbones."""
    yield Heading(title(decision), level=1)
    machine = next((items for name, items in heading(report) if name == "machine"), ())
    origin = (f"report of {clean(report.created)}", *machine[:1])
    yield Paragraph(" · ".join(origin), "faint")
    if decision.fitting:
        yield decision_table(decision, decision.fitting)
    yield Paragraph(answer(decision), "strong")
    yield Points(tuple(notes(decision)), "faint")


def decision_table(decision: Decision, shown: Sequence[Contender]) -> Table:
    """Return a table with a row for each of these contenders."""
    names = differing_settings([each.backbone for each in shown])
    return Table(
        columns=(
            *key_columns("model", *names),
            Column("latency", "ms", decision.latency_of),
            Column("acc1", "%"),
            Column("margin", "%"),
            Column("dimension"),
            Column("GFLOPS", "MACs"),
        ),
        rows=tuple(Row((*keys_of(each.backbone, names), *_values(each))) for each in shown),
        keys=1 + len(names),
    )


def _values(contender: Contender) -> tuple[Value, ...]:
    backbone, cell = contender.backbone, contender.cell
    latency = figures.time(contender.merit.latency, spread=True, decimals=cell.decimals)
    noisy = NOISY if backbone.noisy else ""
    return (
        msgspec.structs.replace(latency, mark=noisy + latency.mark),
        figures.accuracy(backbone, contender.merit.acc1),
        of_weights(cell.margin, cell),
        figures.dimension(backbone),
        figures.fixed(backbone.catalogue.gflops, 2),
    )
