"""The tables of a load: how many pictures a second, after how long, and what changes with time."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import Read, cost, measured, speed_up, throughput
from simx.report.blocks.report_tables import key_columns
from simx.report.words import figures
from simx.report.words.load import SHARES, load_title
from simx.report.words.names import TIMES, backbone_name, target_name
from simx.report.words.values import ABSENT, BUSY, NANOSECONDS_PER_MS, Value
from simx.results.schema.config import SINGLE_STREAM
from simx.results.schema.times import FORWARD
from simx.results.statistics.percentiles import percentiles
from simx.results.statistics.trend import Trend
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    MeasuredSummary,
    RangeSummary,
    TargetId,
)

_KEYS = ("model", "backend", "batch", "instances", "threads")


def load_tables(summary: RangeSummary, targets: Sequence[TargetId]) -> Iterator[Table]:
    """Yield a table with one row for each cell; none without a load.

    Speeds are relative to the first target.
    """
    backbones = summary.settings
    first = backbones[0]
    if first.scenario == SINGLE_STREAM:
        return
    found = list(_columns(first, targets))
    yield Table(
        title=load_title(first),
        columns=(*key_columns(*_KEYS), *(column for column, _ in found)),
        rows=tuple(
            Row((*_keys(backbone, cell), *(measured(read)(backbone, cell) for _, read in found)))
            for backbone in backbones
            for cell in backbone.cells
        ),
        keys=len(_KEYS),
    )


def _columns(of: BackboneSummary, targets: Sequence[TargetId]) -> Iterator[tuple[Column, Read]]:
    """Yield what has a meaning under the load: queries at a given rate have latencies alone."""
    if of.rate is None:
        yield Column("pictures/s"), throughput
    if of.price:
        currency = of.price.currency
        yield Column("cost", f"{currency}/million"), partial(cost, currency)
    if of.latency_bound is not None:
        yield Column("proven", "pictures/s"), _proven
    elif of.scenario != "offline":
        yield Column("median", "ms", "latency"), _latency
        for share in SHARES:
            yield Column(f"p{100 * share:.0f}", "ms", "latency"), _percentile(share)
    if targets[1:]:
        yield Column("speed-up", f"{TIMES} {target_name(targets[0])}"), speed_up


def _proven(of: BackboneSummary, cell: MeasuredSummary) -> Value:
    run = None if FORWARD in cell.busy else cell.confirmed
    return ABSENT if run is None else figures.fixed(run.rate * of.batch, 1)


def _latency(_: BackboneSummary, cell: MeasuredSummary) -> Value:
    return BUSY if FORWARD in cell.busy else figures.time(cell.times.get(FORWARD))


def _percentile(share: float) -> Read:
    def read(_: BackboneSummary, cell: MeasuredSummary) -> Value:
        found = percentiles(cell.forwards, [share]) if cell.forwards else (None,)
        ns = None if FORWARD in cell.busy else found[0]
        return ABSENT if ns is None else figures.fixed(ns / NANOSECONDS_PER_MS, 2)

    return read


def _keys(backbone: BackboneSummary, cell: MeasuredSummary | FailedSummary) -> Iterator[Value]:
    yield Value(backbone_name(backbone))
    yield Value(target_name(cell.target))
    yield from (Value(str(each)) for each in (backbone.batch, backbone.instances, backbone.threads))


def trend_tables(summary: RangeSummary) -> Iterator[Table]:
    """Yield how times and memory changed during a long run; nothing for a usual one."""
    backbones = summary.settings
    cells = [(backbone, cell) for backbone in backbones for cell in backbone.measured]
    if not any(cell.time_trend or cell.memory_trend for _, cell in cells):
        return
    columns = (
        Column("time", "%", "change of"),
        Column("95 %", group="change of"),
        Column("memory", "MiB", "change of"),
        Column("95 %", group="change of"),
    )
    yield Table(
        title="From the beginning to the end",
        columns=(*key_columns(*_KEYS), *columns),
        rows=tuple(
            Row(
                (
                    *_keys(backbone, cell),
                    *_trend(cell.time_trend, lambda log: 100 * math.expm1(log)),
                    *_trend(cell.memory_trend, lambda bytes_: bytes_ / 2**20),
                )
            )
            for backbone, cell in cells
        ),
        keys=len(_KEYS),
    )


def _trend(found: Trend | None, unit: Callable[[float], float]) -> tuple[Value, Value]:
    if found is None:
        return ABSENT, ABSENT
    change, low, high = (f"{unit(value):+.1f}" for value in found)
    return Value(change, tone="bad" if found.is_clear else "plain"), Value(f"{low} to {high}")
