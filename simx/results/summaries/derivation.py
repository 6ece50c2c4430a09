"""Derives what the tables of a report show, and the mean speed of each target. Pure."""

import math
from collections.abc import Iterator, Sequence

from simx.common import grouped
from simx.models.ranges import Range, range_of
from simx.results.schema.partial_placement import without_options, without_partial_placement
from simx.results.schema.report import Canary, Report
from simx.results.schema.times import FORWARD
from simx.results.statistics.drift import between_nodes, drift
from simx.results.statistics.estimates import Ratio
from simx.results.summaries.backbones import Summariser
from simx.results.summaries.summary import BackboneSummary, RangeSummary, TargetId, target_of
from simx.results.summaries.sweeps import curves

MOST_LOG = 709.0
"""About the largest number whose exponential a float can hold."""


def targets(report: Report) -> tuple[TargetId, ...]:
    """Return all targets of a report, backends in the order of the configuration."""
    backends = report.config.backends if report.config else ()
    seen = dict.fromkeys(target_of(cell.identity) for cell in report.cells)
    return tuple(sorted(seen, key=lambda each: _place_of(each.backend, backends)))


def _place_of(backend: str, backends: Sequence[str]) -> int:
    """Return the place of a label, whatever its options and share, among the configured ones."""
    label = without_partial_placement(backend)
    if label in backends:
        return backends.index(label)
    bare = [*map(without_options, backends), without_options(label)]
    # A backend that is not configured comes last, where its own label is.
    return bare.index(bare[-1])


def by_range(report: Report, ranges: Sequence[Range]) -> tuple[RangeSummary, ...]:
    """Return the ranges that hold a backbone of the report, with their backbones.

    Args:
        report: What was measured.
        ranges: In the order of the tables.

    Returns:
        Backbones by name (``resnet18`` before ``resnet101``) and weights; those outside all ranges
        come last: custom ranges drop none.
    """
    canaries = {target: canaries_of(report, target) for target in targets(report)}
    every = _every_setting(report)
    curved = curves(every, report.config)

    def inside(backbone: BackboneSummary) -> Range | None:
        return range_of(backbone.catalogue.gflops, ranges)

    def on(target: TargetId, bounds: Range | None) -> Iterator[BackboneSummary]:
        for each in groups[bounds]:
            cells = (cell for cell in each.measured if cell.target == target)
            if any(FORWARD not in cell.busy for cell in cells):
                yield each

    groups = grouped(_of_first_setting(report, every), inside)
    return tuple(
        RangeSummary(
            range=bounds,
            backbones=tuple(groups[bounds]),
            drift={
                target: max(
                    drift(of, [(each.model, each.weights) for each in on(target, bounds)]),
                    between_nodes(report, target),
                )
                for target, of in canaries.items()
            },
            settings=tuple(each for each in every if inside(each) == bounds),
            curves=tuple(each for each in curved if inside(each.backbone) == bounds),
        )
        for bounds in (*ranges, None)
        if bounds in groups
    )


def canaries_of(report: Report, target: TargetId) -> list[Canary]:
    """Return the canaries of one target; all its precisions share them."""
    key = (target.backend, target.provider)
    return [canary for canary in report.canary if (canary.backend, canary.provider) == key]


def backbones(report: Report) -> list[BackboneSummary]:
    """Return every backbone of a report, in the order of the tables; of a sweep's first setting."""
    return _of_first_setting(report, _every_setting(report))


def _every_setting(report: Report) -> list[BackboneSummary]:
    order = targets(report)
    if not order:
        return []
    summariser = Summariser(report, order)
    return [summariser.summarise(backbone) for backbone in summariser.counted.backbones]


def _of_first_setting(report: Report, every: Sequence[BackboneSummary]) -> list[BackboneSummary]:
    if report.config is None or not report.config.sweeps:
        return list(every)
    return [each for each in every if each.setting == report.config.settings[0]]


def mean_speed(backbones: Sequence[BackboneSummary], target: TargetId) -> Ratio | None:
    """Return the geometric mean of a target's speeds relative to the report's first target.

    Backbones are measured one after the other, so that their errors are independent: the variance
    of the mean of n logarithms is the sum of their variances over n squared. The interval is that
    of these backbones alone.

    Returns:
        The mean, with the fewest ``launches`` of all speeds; its ends are None if a speed has no
        interval. None if no backbone has a speed.
    """
    speeds = [
        cell.speed
        for backbone in backbones
        for cell in backbone.measured
        if cell.target == target and cell.speed is not None
    ]
    if not speeds:
        return None
    center = math.fsum(math.log(speed.value) for speed in speeds) / len(speeds)
    halves = [math.log(each.high / each.value) for each in speeds if each.high is not None]
    known = len(halves) == len(speeds)
    half = math.hypot(*halves) / len(speeds) if known else math.nan
    return Ratio(
        value=math.exp(center),
        low=math.exp(center - half) if known else None,
        high=math.exp(min(center + half, MOST_LOG)) if known else None,
        launches=min(speed.launches for speed in speeds),
    )


def fastest_target(
    backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]
) -> TargetId | None:
    """Return the target with the largest mean speed, among those in fp32 where there are some.

    The first target's speed is 1. None for no targets.
    """
    among = [target for target in targets if not target.is_reduced] or list(targets)
    speeds = {target: mean_speed(backbones, target) for target in among}
    values = {target: 1.0 if speed is None else speed.value for target, speed in speeds.items()}
    return max(values, key=values.__getitem__, default=None)
