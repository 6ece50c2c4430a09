"""How many times as fast each target is over all backbones of a report. Pure."""

import math
from collections.abc import Sequence

from simx.results.statistics.estimates import Ratio
from simx.results.summaries.summary import BackboneSummary, TargetId

MOST_LOG = 709.0
"""About the largest number whose exponential a float can hold."""


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
