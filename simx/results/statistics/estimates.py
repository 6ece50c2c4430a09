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

import msgspec
import numpy as np
from scipy.special import stdtrit

from simx.results.schema.times import Block, Launch, block_median
from simx.results.statistics.moderation import Prior, moderated, spread

CONFIDENCE = 0.95
"""Level of every interval, by convention."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A typical time in nanoseconds per call, with its interval.

    ``low_ns`` and ``high_ns`` are None for one launch, which has no spread. ``degrees`` are the
    interval's degrees of freedom. ``calls`` counts the timed calls. A quoted time has its median
    alone.
    """

    median_ns: float
    low_ns: float | None = None
    high_ns: float | None = None
    degrees: float = math.inf
    launches: int | None = None
    calls: int | None = None

    @property
    def error(self) -> float | None:
        """The standard error of its logarithm."""
        if self.high_ns is None:
            return None
        return math.log(self.high_ns / self.median_ns) / t_quantile(self.degrees)


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as long one cell takes as another; above 1 the first is the slower one.

    ``low`` and ``high`` are None if fewer than two launches were paired. ``degrees`` are the
    interval's degrees of freedom.
    """

    value: float
    low: float | None
    high: float | None
    degrees: float = math.inf
    launches: int

    @property
    def half_width(self) -> float | None:
        """How far the interval reaches above the ratio, as a share of it (0.015 for 1.5 %)."""
        return None if self.high is None else self.high / self.value - 1

    @property
    def differs_from_one(self) -> bool:
        """Whether its interval has no 1 in it."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high

    def times(self, factor: float) -> "Ratio":
        """Return the ratio and its interval, each times a factor."""
        low, high = (end and end * factor for end in (self.low, self.high))
        return msgspec.structs.replace(self, value=self.value * factor, low=low, high=high)

    def is_above_one(self, comparisons: int) -> bool:
        """Whether the first cell is the slower one, as one of so many comparisons (Bonferroni)."""
        if self.high is None:
            return False
        error = math.log(self.high / self.value) / t_quantile(self.degrees)
        return math.log(self.value) > t_quantile(self.degrees, comparisons) * error


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
    center, low, high, degrees = interval(log_times(launches), pilot, prior)
    return Estimate(
        median_ns=center,
        low_ns=low,
        high_ns=high,
        degrees=degrees,
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
    return ratio_of(log_ratios(a, b), pilot, prior)


def ratio_of(
    logs: Mapping[int, float], pilot: int | None = None, prior: Prior | None = None
) -> Ratio | None:
    """Return the ratio of which each launch has the logarithm, as ``ratio`` does; None of none."""
    if not logs:
        return None
    value, low, high, degrees = interval(logs, pilot, prior)
    return Ratio(value=value, low=low, high=high, degrees=degrees, launches=len(logs))


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


def repeated(launches: Sequence[Launch], times: int) -> tuple[Launch, ...]:
    """Return the times of doing so many times what was timed once."""
    return tuple(
        msgspec.structs.replace(
            launch,
            blocks=tuple(
                msgspec.structs.replace(block, ns=tuple(times * ns for ns in block.ns))
                for block in launch.blocks
            ),
        )
        for launch in launches
    )


def summed(before: Sequence[Sequence[Launch]], last: Sequence[Launch]) -> tuple[Launch, ...]:
    """Return the times of stages that follow each other, in the launches that all of them have.

    The typical times of the stages before the last one are added to each of its calls.

    Args:
        before: Launches of each stage before the last one.
        last: Launches of the last stage.
    """
    typical = [{launch.index: launch_estimate(launch) for launch in stage} for stage in before]
    found = []
    for launch in last:
        if all(launch.index in stage for stage in typical):
            added = math.fsum(stage[launch.index] for stage in typical)
            blocks = tuple(_longer(block, added) for block in launch.blocks)
            found.append(Launch(index=launch.index, blocks=blocks))
    return tuple(found)


def _longer(block: Block, added_ns: float) -> Block:
    more = block.calls * added_ns
    return msgspec.structs.replace(block, ns=tuple(round(ns + more) for ns in block.ns))


def minimum(launches: Sequence[Launch]) -> float:
    """Return the shortest time of one call, in nanoseconds."""
    return min(min(block.ns) / block.calls for launch in launches for block in launch.blocks)


def fastest(estimates: Sequence[Estimate], drift: float = 0.0) -> tuple[int, ...]:
    """Return the index of the best estimate, and then by time of all that do not differ from it.

    The truly fastest is among them with the confidence of the intervals, however many estimates
    there are: the best one is compared with each other one (Welch's t), corrected for their number
    (Bonferroni). These are multiple comparisons with the best (J. C. Hsu, "Simultaneous confidence
    intervals for all distances from the best", Annals of Statistics 9, 1981), with a bound that
    needs no equal variances. An estimate without an interval differs from no other, because a
    single launch does not show how much the next one may differ.

    Args:
        estimates: Of the cells to compare, in any order.
        drift: By which share of its value the machine's speed may have changed between two of
            them (0.02 for 2 %); 0 for cells measured in the same rounds.
    """
    order = sorted(range(len(estimates)), key=lambda index: estimates[index].median_ns)
    if not order:
        return ()
    best = estimates[order[0]]
    tied = (
        index
        for index in order[1:]
        if not _is_slower(estimates[index], best, math.log1p(drift), len(order) - 1)
    )
    return (order[0], *tied)


def _is_slower(one: Estimate, best: Estimate, margin: float, comparisons: int) -> bool:
    """Whether a time is above the best one by more than a margin of logarithms."""
    if one.error is None or best.error is None:
        return False
    variances = (one.error**2, best.error**2)
    error = math.hypot(one.error, best.error)
    parts = zip(variances, (one.degrees, best.degrees), strict=True)
    spread = math.fsum(variance**2 / degrees for variance, degrees in parts)
    degrees = sum(variances) ** 2 / spread if spread else math.inf
    distance = math.log(one.median_ns / best.median_ns) - margin
    return distance > t_quantile(degrees, comparisons) * error


def interval(
    logs: Mapping[int, float], pilot: int | None = None, prior: Prior | None = None
) -> tuple[float, float | None, float | None, float]:
    """Return exp of the mean of logarithms and of its interval's ends, and degrees of freedom.

    The ends are None, and the degrees infinite, for a single value.

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
        return math.exp(center), None, None, math.inf
    variance, degrees = moderated(own, prior)
    half = t_quantile(degrees) * math.sqrt(variance / len(logs))
    return math.exp(center), _exp(center - half), _exp(center + half), degrees


def t_quantile(degrees: float, comparisons: int = 1) -> float:
    """Return how many standard errors an interval of ``CONFIDENCE`` reaches to each side.

    Of several comparisons each gets its part of what is left to chance (Bonferroni).
    """
    return float(stdtrit(degrees, 1 - (1 - CONFIDENCE) / 2 / comparisons))


def _exp(value: float) -> float:
    return math.exp(value) if value < math.log(float(np.finfo(np.float64).max)) else math.inf
