"""The tables of a sweep: pictures per second over the batch, threads and instances."""

from collections.abc import Iterator, Sequence

import msgspec

from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import measured, throughput
from simx.report.blocks.report_tables import key_columns
from simx.report.words import figures
from simx.report.words.load import efficiency, knee_text
from simx.report.words.names import TIMES, backbone_name, target_name
from simx.report.words.values import ABSENT, Value
from simx.results.summaries.summary import Curve, RangeSummary


def sweep_tables(summary: RangeSummary) -> Iterator[Table]:
    """Yield the throughput over the batch, and those over threads and over instances.

    A short rendering has the threads of the smallest batch alone.
    """
    for over in ("batch", "threads", "instances"):
        curves = [each for each in summary.curves if each.over == over]
        title = f"Throughput over {'the batch' if over == 'batch' else over}"
        if usual := [each for each in curves if each.is_usual or over == "batch"]:
            yield _table(usual, title)
        if further := [each for each in curves if not (each.is_usual or over == "batch")]:
            yield _table(further, f"{title}, larger batches", detail=True)


def _table(curves: Sequence[Curve], title: str, *, detail: bool = False) -> Table:
    over = curves[0].over
    settings = [backbone.setting for backbone, _ in curves[0].points]
    counts = [str(getattr(each, over)) for each in settings]
    if over == "batch":
        constant, group = "threads", "pictures/s at a batch of"
        further = [Column("knee", "batch")]
    elif over == "threads":
        constant, group = "batch", "pictures/s with threads"
        further = [Column(count, group="efficiency of threads") for count in counts[1:]]
    else:
        counts = [f"{each.instances}{TIMES}{each.threads}" for each in settings]
        constant, group = "batch", "pictures/s with instances"
        further = [Column(count, group=f"gain over {counts[0]}") for count in counts[1:]]
    keys = key_columns("model", "backend", constant)
    rows = []
    for curve in curves:
        names = backbone_name(curve.backbone), target_name(curve.target)
        values = map(Value, (*names, str(getattr(curve.backbone, constant))))
        rows.append(Row((*values, *_figures(curve))))
    columns = (*keys, *(Column(count, group=group) for count in counts), *further)
    return Table(title=title, columns=columns, rows=tuple(rows), keys=len(keys), detail=detail)


def _figures(curve: Curve) -> Sequence[Value]:
    rate = measured(throughput)
    rates = [rate(*point) for point in curve.points]
    if curve.over == "threads":
        places = range(1, len(rates))
        return [*rates, *(figures.ratio(efficiency(curve, place)) for place in places)]
    if curve.over == "instances":
        return [*rates, *map(figures.ratio, curve.gains[1:])]
    if not curve.knee:
        return [*rates, ABSENT]
    _, certain = curve.knee
    rates[certain] = msgspec.structs.replace(rates[certain], tone="best")
    return [*rates, Value(knee_text(curve))]
