"""What the page's charts draw, as data: one record for each cell, in the order of the tables."""

from collections.abc import Mapping, Sequence

import msgspec
from markupsafe import Markup

from simx.common.safe_text import clean
from simx.models.pictures import IMAGES, Image
from simx.report.blocks.quantities import STAGES
from simx.report.words.figures import is_imprecise
from simx.report.words.names import backbone_name, target_name
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.times import FORWARD, Launch
from simx.results.statistics.estimates import Estimate, launch_estimate
from simx.results.summaries.decision import Decision, latency
from simx.results.summaries.summary import (
    Curve,
    FailedSummary,
    MeasuredSummary,
    RangeSummary,
    TargetId,
)

Interval = tuple[float, float | None, float | None]
"""Milliseconds: an estimate and the ends of its interval."""

Stages = tuple[float, float, float]
"""Milliseconds: decode, preprocess, forward."""

MOST_TIMES = 256
"""Per cell. Eighty backbones on four targets then have 80 thousand times, a few hundred kB."""

FEWEST_OF_A_LAUNCH = 8

STEPS_PER_MEDIAN = 2000
"""Resolution of times: a two-thousandth of a typical one, a tenth of the narrowest interval's
half-width."""

_ESCAPES = {
    ord("<"): "\\u003c",  # ends no element and begins no comment
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",  # line ends to JavaScript, though not to JSON
    0x2029: "\\u2029",
}


class LaunchTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one launch's ``forward``, in units of ``RawTimes.unit_ns``.

    ``typical`` is the launch's estimate. ``steps`` are the increasing times, each but the first as
    the difference to the one before, which takes fewer digits. ``count`` is their number in the
    report.
    """

    index: int
    typical: float
    steps: tuple[int, ...]
    count: int


class RawTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one cell's ``forward`` that count, in units of ``unit_ns`` nanoseconds."""

    unit_ns: float
    launches: tuple[LaunchTimes, ...]


class ChartCell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cell; ``target``, ``range`` and ``family`` are places in ``ChartData``'s lists.

    ``unbeaten``: no backbone on the same target beats it.
    """

    name: str
    target: int
    range: int
    family: int
    gflops: float | None = None
    acc1: float | None = None
    time: Interval | None = None
    unbeaten: bool = False
    stages: dict[Image, Stages] = {}
    raw: RawTimes | None = None


class ChartCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The times of calls over the batch; ``target`` is a place in ``ChartData``'s list."""

    name: str
    target: int
    threads: int | None
    points: tuple[tuple[int, Interval], ...]


class ChartData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is drawn of one report, and the names to filter it by."""

    targets: tuple[str, ...]
    ranges: tuple[str, ...]
    families: tuple[str, ...]
    cells: tuple[ChartCell, ...]
    curves: tuple[ChartCurve, ...]


def script_json(data: object) -> Markup:
    """Return JSON for a ``<script>`` element, without characters that HTML or JavaScript obeys.

    They occur in JSON's strings alone, where an escape means the same.
    """
    # S704: nothing that markup is made of is left.
    return Markup(msgspec.json.encode(data).decode().translate(_ESCAPES))  # noqa: S704


def chart_data(ranges: Sequence[RangeSummary], decisions: Mapping[TargetId, Decision]) -> ChartData:
    """Return what is drawn of a report.

    Args:
        ranges: Its summaries.
        decisions: On each target of the report, in its order.
    """
    targets = list(decisions)
    families = sorted({clean(each.catalogue.family) for of in ranges for each in of.backbones})
    cells = []
    for place, of in enumerate(ranges):
        for backbone, cell in ((each, cell) for each in of.backbones for cell in each.cells):
            drawn = ChartCell(
                name=backbone_name(backbone),
                target=targets.index(cell.target),
                range=place,
                family=families.index(clean(backbone.catalogue.family)),
                gflops=backbone.catalogue.gflops,
                acc1=backbone.catalogue.acc1,
            )
            if not isinstance(cell, FailedSummary):
                decision = decisions[cell.target]
                stages = {image: _stages(cell, image) for image in IMAGES}
                drawn = msgspec.structs.replace(
                    drawn,
                    time=_interval(latency(cell, decision.latency_of)),
                    unbeaten=any(each.cell is cell for each in decision.pareto_front),
                    stages={image: of_image for image, of_image in stages.items() if of_image},
                    raw=raw_times(cell.forwards),
                )
            cells.append(drawn)
    return ChartData(
        targets=tuple(map(target_name, targets)),
        ranges=tuple(clean(of.label) for of in ranges),
        families=tuple(families),
        cells=tuple(cells),
        curves=tuple(
            _curve(curve, targets.index(curve.target))
            for of in ranges
            for curve in of.curves
            if curve.over == "batch" and curve.backbone.scenario != "multi-stream"
        ),
    )


def _curve(curve: Curve, target: int) -> ChartCurve:
    times = (
        (backbone.batch, cell.times.get(FORWARD))
        for backbone, cell in curve.points
        if isinstance(cell, MeasuredSummary)
    )
    return ChartCurve(
        name=backbone_name(curve.backbone),
        target=target,
        threads=curve.backbone.threads,
        points=tuple((batch, time) for batch, each in times if (time := _interval(each))),
    )


def _interval(time: Estimate | None) -> Interval | None:
    if time is None or is_imprecise(time):
        return None
    low, high = (None if end is None else _milliseconds(end) for end in (time.low_ns, time.high_ns))
    return (_milliseconds(time.median_ns), low, high)


def _stages(cell: MeasuredSummary, image: Image) -> Stages | None:
    found = [cell.times.get((scope, image)) for scope in STAGES]
    known = [_milliseconds(each.median_ns) for each in found if each]
    return msgspec.convert(known, Stages) if len(known) == len(found) else None


def _milliseconds(nanoseconds: float) -> float:
    """Return milliseconds with the digits that a chart can show."""
    return float(f"{nanoseconds / NANOSECONDS_PER_MS:.5g}")


def raw_times(launches: Sequence[Launch]) -> RawTimes | None:
    """Return what a page shows of a cell's times; None for no launches.

    A launch with too many keeps times at evenly spaced ranks, with the shortest and the longest:
    the distribution keeps its shape and its ends.
    """
    if not launches:
        return None
    unit_ns = round(max(1.0, launch_estimate(launches[0]) / STEPS_PER_MEDIAN), 3)
    most = max(FEWEST_OF_A_LAUNCH, MOST_TIMES // len(launches))
    return RawTimes(
        unit_ns=unit_ns, launches=tuple(_launch(launch, unit_ns, most) for launch in launches)
    )


def thinned(times: Sequence[float], most: int) -> list[float]:
    """Return at most so many of some sorted times, at evenly spaced ranks, with both ends."""
    if len(times) <= most:
        return list(times)
    return [times[round(place * (len(times) - 1) / (most - 1))] for place in range(most)]


def _launch(launch: Launch, unit_ns: float, most: int) -> LaunchTimes:
    times = sorted(ns / block.calls for block in launch.blocks for ns in block.ns)
    kept = [round(time / unit_ns) for time in thinned(times, most)]
    steps = [later - earlier for earlier, later in zip([0, *kept], kept, strict=False)]
    return LaunchTimes(
        index=launch.index,
        typical=round(launch_estimate(launch) / unit_ns, 1),
        steps=tuple(steps),
        count=len(times),
    )
