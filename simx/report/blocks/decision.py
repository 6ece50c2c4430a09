"""A decision as a document: the unbeaten backbones, and which one to take."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from simx.common.safe_text import clean
from simx.report.blocks.document import Block, Column, Heading, Paragraph, Points, Row, Table
from simx.report.blocks.quantities import of_weights
from simx.report.blocks.report_tables import key_columns, keys_of
from simx.report.words import figures
from simx.report.words.decision_notes import notes
from simx.report.words.heading import heading
from simx.report.words.names import NOISY, differing_settings, target_name
from simx.report.words.recommendation import answer, model_name, title
from simx.report.words.shares import FIGURE_NAMES, percent
from simx.report.words.values import Value
from simx.results.schema.evaluation import Estimate
from simx.results.summaries.decision import Contender, Decision
from simx.results.summaries.joining import Joined
from simx.results.summaries.merit import verdict

_Column = tuple[Column, Callable[[Contender], Value]]
"""A column with what it shows of a contender."""


def decision_blocks(decision: Decision) -> Iterator[Block]:
    """Yield the answer for one target of a report, or for several with an evaluation."""
    yield Heading(title(decision), level=1)
    reports = decision.reports
    machine = next((items for name, items in heading(reports[0]) if name == "machine"), ())
    origin = (*(f"report of {clean(report.created)}" for report in reports), *machine[:1])
    yield Paragraph(" · ".join(origin), "faint")
    if shown := decision.pareto_front if decision.joined else decision.fitting:
        yield decision_table(decision, shown)
    yield Paragraph(answer(decision), "strong")
    yield Points(tuple(notes(decision)), "faint")


def decision_table(decision: Decision, shown: Sequence[Contender]) -> Table:
    """Return a table with a row for each of these contenders."""
    names = differing_settings([each.backbone for each in shown])
    backend = ("backend",) if decision.joined else ()
    latency = Column("latency", "ms", decision.latency_of), _latency
    figured = _PUBLISHED if decision.joined is None else _evaluated(decision, decision.joined)
    columns = (latency, *figured)
    rows = []
    for each in shown:
        target = (Value(target_name(each.cell.target)) for _ in backend)
        found = (value(each) for _, value in columns)
        _, *settings = keys_of(each.backbone, names)
        rows.append(Row((Value(model_name(each)), *settings, *target, *found)))
    keys = key_columns("model", *names, *backend)
    heads = (column for column, _ in columns)
    return Table(columns=(*keys, *heads), rows=tuple(rows), keys=len(keys))


def _evaluated(decision: Decision, joined: Joined) -> Iterator[_Column]:
    by = joined.evaluation.ranked_by
    if by == "map_at_r":
        yield Column("Recall@1", "%"), lambda each: _share(each, each.recall)
    yield Column(FIGURE_NAMES[by], "%"), lambda each: _share(each, decision.ranked(each))
    yield Column("behind", "points"), lambda each: _share(each, each.distance)
    if decision.limits.any:
        yield (Column("limits", justify="left"), lambda each: Value(verdict(each, decision.limits)))


def _share(contender: Contender, share: Estimate | None) -> Value:
    return figures.of_weights(percent(share), contender.cell.weights_origin)


def _latency(contender: Contender) -> Value:
    latency = figures.time(contender.latency, spread=True, decimals=contender.cell.decimals)
    noisy = NOISY if contender.backbone.noisy else ""
    return msgspec.structs.replace(latency, mark=noisy + latency.mark)


_PUBLISHED: tuple[_Column, ...] = (
    (Column("acc1", "%"), lambda each: figures.accuracy(each.backbone, each.acc1)),
    (Column("margin", "%"), lambda each: of_weights(each.cell.margin, each.cell)),
    (Column("dimension"), lambda each: figures.dimension(each.backbone)),
    (Column("GFLOPS", "MACs"), lambda each: figures.fixed(each.backbone.catalogue.gflops, 2)),
)
