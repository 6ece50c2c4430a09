"""The tables of a sweep: pictures per second over the batch, threads and instances."""

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import FAILURE
from simx.report.blocks.report_tables import key_columns
from simx.report.words import figures
from simx.report.words.names import TIMES, backbone_name, target_name
from simx.report.words.sweeps import efficiency
from simx.report.words.values import ABSENT, BUSY, Value
from simx.results.schema.times import FORWARD
from simx.results.summaries.summary import Curve, FailedSummary, Point, RangeSummary

_RATE = "pictures/s"


def sweep_tables(summary: RangeSummary) -> Iterator[Table]:
    """Yield the throughput over the batch, and those over threads and over instances.

    A short rendering has the threads of the smallest batch alone.
    """
    if over_batch := [each for each in summary.curves if each.over == "batch"]:
        yield _over_batch(over_batch)
    for over in ("threads", "instances"):
        curves = [each for each in summary.curves if each.over == over]
        for is_detail in (False, True):
            if of := [each for each in curves if each.is_usual is not is_detail]:
                yield _over_processors(of, f"Throughput over {over}", detail=is_detail)


def _over_batch(curves: Sequence[Curve]) -> Table:
    """Return a column for each batch, and the knee."""
    group = partial(Column, group=f"{_RATE} at a batch of")
    batches = [point.batch for point in curves[0].points]
    rows = []
    for curve in curves:
        rates = [_rate(point) for point in curve.points]
        knee = ABSENT
        if curve.knee:
            first, certain = curve.knee
            rates[certain] = msgspec.structs.replace(rates[certain], tone="best")
            ends = dict.fromkeys(str(curve.points[place].batch) for place in (first, certain))
            knee = Value(" to ".join(ends))
        threads = Value(str(curve.points[0].threads))
        rows.append(Row((*_names(curve, threads), *rates, knee)))
    columns = (*(group(str(batch)) for batch in batches), Column("knee", "batch"))
    return _table("Throughput over the batch", "threads", columns, rows)


def _over_processors(curves: Sequence[Curve], title: str, *, detail: bool) -> Table:
    """Return a column for each number of threads or instances, and what more than the fewest bring.

    That is the efficiency of threads, and the gain by instances.
    """
    first = curves[0]
    is_threads = first.over == "threads"
    counts = [
        str(point.threads) if is_threads else f"{point.instances}{TIMES}{point.threads}"
        for point in first.points
    ]
    more = "efficiency of threads" if is_threads else f"gain over {counts[0]}"
    columns = (
        *(Column(count, group=f"{_RATE} with {first.over}") for count in counts),
        *(Column(count, group=more) for count in counts[1:]),
    )
    rows = []
    for curve in curves:
        rates = (_rate(point) for point in curve.points)
        shares = (
            figures.ratio(efficiency(curve, at) if is_threads else curve.gains[at])
            for at in range(1, len(curve.points))
        )
        batch = Value(str(curve.points[0].batch))
        rows.append(Row((*_names(curve, batch), *rates, *shares)))
    found = _table(f"{title}, larger batches" if detail else title, "batch", columns, rows)
    return msgspec.structs.replace(found, detail=detail)


def _names(curve: Curve, *settings: Value) -> tuple[Value, ...]:
    return Value(backbone_name(curve.backbone)), Value(target_name(curve.target)), *settings


def _rate(point: Point) -> Value:
    cell = point.cell
    if isinstance(cell, FailedSummary):
        return FAILURE
    if FORWARD in cell.busy:
        return BUSY
    return figures.per_second(cell.times.get(FORWARD), point.pictures)


def _table(title: str, setting: str, columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    keys = key_columns("model", "backend", setting)
    return Table(title=title, columns=(*keys, *columns), rows=tuple(rows), keys=len(keys))
