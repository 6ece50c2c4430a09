"""Estimates of times and of ratios, with their intervals. Pure functions of launches.

The unit of replication is the launch, because the calls of one process are not independent
(Kalibera & Jones, "Rigorous benchmarking in reasonable time", ISMM 2013). Times are positive and
vary by factors, so means and intervals are taken of logarithms. If a pilot fixed the number of
launches, an interval keeps the pilot's spread and degrees of freedom, so that it has its stated
confidence although the number depends on that spread (C. Stein, "A two-sample test for a linear
hypothesis whose power is independent of the variance", Annals of Mathematical Statistics 16, 1945).
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec
import numpy as np
from scipy.special import stdtrit

from simx.results.schema.times import Block, Launch
from simx.results.statistics.moderation import Prior, moderated, spread

CONFIDENCE = 0.95
"""Level of every interval, by convention."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A typical time in nanoseconds per call, with its interval.

    ``low_ns`` and ``high_ns`` are None for one launch, which has no spread. ``calls`` counts the
    timed calls. A quoted time has its median alone.
    """

    median_ns: float
    low_ns: float | None = None
    high_ns: float | None = None
    launches: int | None = None
    calls: int | None = None


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as long one cell takes as another; above 1 the first is the slower one.

    ``low`` and ``high`` are None if fewer than two launches were paired.
    """

    value: float
    low: float | None
    high: float | None
    launches: int

    @property
    def half_width(self) -> float | None:
        """How far the interval reaches above the ratio, as a share of it (0.015 for 1.5 %)."""
        return None if self.high is None else self.high / self.value - 1


def block_median(block: Block) -> float:
    """Return the median time of one call in a block, in nanoseconds."""
    return median(block.ns) / block.calls


def launch_estimate(launch: Launch) -> float:
    """Return the geometric mean of a launch's block medians, in nanoseconds per call."""
    logs = [math.log(block_median(block)) for block in launch.blocks]
    return math.exp(math.fsum(logs) / len(logs))


def estimate(
    launches: Sequence[Launch], pilot: int | None = None, prior: Prior | None = None
) -> Estimate:
    """Return the geometric mean over launches, with Student's t interval on the logarithms.

    Args:
        launches: At least one.
        pilot: How many launches fixed their number, by their indices; None where none did.
        prior: What the variances of these logarithms have in common over the run's backbones.
    """
    center, low, high = interval(log_times(launches), pilot, prior)
    return Estimate(
        median_ns=center,
        low_ns=low,
        high_ns=high,
        launches=len(launches),
        calls=sum(block.calls * len(block.ns) for launch in launches for block in launch.blocks),
    )


def ratio(
    a: Sequence[Launch],
    b: Sequence[Launch],
    pilot: int | None = None,
    prior: Prior | None = None,
) -> Ratio | None:
    """Return how many times as long ``a`` takes as ``b``, or None without a common round.

    Within a launch the logarithms of t_a / t_b are averaged over the rounds of both, so that the
    disturbance of a whole round cancels. The interval is Student's t over launches.

    Args:
        a: Launches of one cell.
        b: Launches of another cell, measured in the same rounds.
        pilot: How many launches fixed their number, by their indices; None where none did.
        prior: What the variances of these logarithms have in common over the run's backbones.
    """
    logs = log_ratios(a, b)
    if not logs:
        return None
    value, low, high = interval(logs, pilot, prior)
    return Ratio(value=value, low=low, high=high, launches=len(logs))


def log_times(launches: Sequence[Launch]) -> dict[int, float]:
    """Return the logarithm of each launch's estimate, by the launch's index."""
    return {launch.index: math.log(launch_estimate(launch)) for launch in launches}


def log_ratios(a: Sequence[Launch], b: Sequence[Launch]) -> dict[int, float]:
    """Return the mean of log(t_a / t_b) over the rounds in both, by the launch's index."""
    others = {(launch.index, block.round): block for launch in b for block in launch.blocks}
    means = {}
    for launch in a:
        logs = [
            math.log(block_median(block) / block_median(other))
            for block in launch.blocks
            if (other := others.get((launch.index, block.round)))
        ]
        if logs:
            means[launch.index] = math.fsum(logs) / len(logs)
    return means


def minimum(launches: Sequence[Launch]) -> float:
    """Return the shortest time of one call, in nanoseconds."""
    return min(min(block.ns) / block.calls for launch in launches for block in launch.blocks)


def fastest(estimates: Sequence[Estimate], drift: float = 0.0) -> tuple[int, ...]:
    """Return the index of the best estimate, and then by time of all that do not differ from it.

    Two estimates differ if their intervals do not overlap, which for independent 95 % intervals is
    stricter than a 5 % test. An estimate without an interval differs from no other, because a
    single launch does not show how much the next one may differ.

    Args:
        estimates: Of the cells to compare, in any order.
        drift: By which share of its value the machine's speed may have changed between two of
            them (0.02 for 2 %); 0 for cells measured in the same rounds.
    """
    order = sorted(range(len(estimates)), key=lambda index: estimates[index].median_ns)
    if not order:
        return ()
    high = estimates[order[0]].high_ns
    tied = [
        index
        for index in order[1:]
        if high is None or (low := estimates[index].low_ns) is None or low <= high * (1 + drift)
    ]
    return (order[0], *tied)


def interval(
    logs: Mapping[int, float], pilot: int | None = None, prior: Prior | None = None
) -> tuple[float, float | None, float | None]:
    """Return exp of the mean of logarithms and of its interval's ends (None for a single value).

    Student, "The probable error of a mean", Biometrika 6 (1908): the mean of n values, plus or
    minus the t quantile of n - 1 degrees of freedom times s / sqrt(n). With a pilot, s and the
    degrees of freedom are the pilot's (Stein 1945); with a prior they are moderated.

    Args:
        logs: One for each launch, by its index; at least one.
        pilot: How many launches fixed their number; None where none did.
        prior: What the variances of these logarithms have in common over the run's backbones.
    """
    center = math.fsum(logs.values()) / len(logs)
    own = spread(logs, pilot)
    if own is None:
        return math.exp(center), None, None
    variance, degrees = moderated(own, prior)
    half = t_quantile(degrees) * math.sqrt(variance / len(logs))
    return math.exp(center), _exp(center - half), _exp(center + half)


def t_quantile(degrees: float) -> float:
    """Return how many standard errors an interval of ``CONFIDENCE`` reaches to each side."""
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _exp(value: float) -> float:
    return math.exp(value) if value < math.log(float(np.finfo(np.float64).max)) else math.inf
