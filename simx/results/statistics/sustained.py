"""The largest rate of queries whose latency stays within a bound, from runs at several rates. Pure.

The share of late queries grows with a power of the rate, as far as one looks from close by. The
power is common to all launches of a cell; each launch has its own rate.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

from simx.results.schema.times import Block, Launch

LATE_SHARE = 0.01
"""Of the queries, which may be later than the bound: it holds for the 99th percentile."""

CONFIDENCE = 0.99
"""Of the claim that no more are late, as in MLPerf inference."""

USUAL_POWER = 20.0
"""What is believed of the power before any run, and how sure that is."""

_POWER_DEVIATION = 10.0

_POWERS = np.arange(2.0, 80.0, 0.1)

NEAR = 1.05
"""How much larger a rate may be whose queries count for a smaller one."""

_HALF = 0.5
"""Added to a count of late queries, so that none is no proof."""


class Run(NamedTuple):
    """Queries at one rate, in queries per second, and how many of them were late."""

    rate: float
    queries: int
    late: int


def runs(launch: Launch, bound_ns: float) -> list[Run]:
    """Return the runs of a launch."""
    return [run_of(block, bound_ns) for block in launch.blocks]


def run_of(block: Block, bound_ns: float) -> Run:
    """Return the run of a block, which has a rate."""
    assert isinstance(block.rate, float)  # noqa: S101 - a run without a rate is a bug
    return Run(block.rate, len(block.ns), sum(ns > bound_ns for ns in block.ns))


def power(launches: Sequence[Sequence[Run]]) -> float:
    """Return by which power of the rate the share of late queries grows.

    It is the most probable one, with counts of late queries by Poisson and a share of its own for
    each launch.
    """

    def improbability(power: float) -> float:
        likelihood = -((power - USUAL_POWER) ** 2) / (2 * _POWER_DEVIATION**2)
        for of in launches:
            late = sum(run.late for run in of)
            likelihood += math.fsum(run.late * power * math.log(run.rate) for run in of)
            likelihood -= late * _log_sum(of, power)
        return -likelihood

    return float(min(_POWERS, key=improbability))


def largest_rate(of: Sequence[Run], power: float) -> float:
    """Return the rate at which ``LATE_SHARE`` of a launch's queries would be late."""
    late = sum(run.late for run in of) + _HALF
    return math.exp((math.log(LATE_SHARE / late) + _log_sum(of, power)) / power)


def _log_sum(of: Sequence[Run], power: float) -> float:
    """Return the logarithm of the sum of the queries, each run's weighted with its rate's power."""
    logs = [math.log(run.queries) + power * math.log(run.rate) for run in of]
    return max(logs) + math.log(math.fsum(math.exp(log - max(logs)) for log in logs))


def sustained(launches: Sequence[Launch], bound_ns: float) -> tuple[Launch, ...]:
    """Return launches whose only block has the time between two queries at the largest rate."""
    found = [runs(launch, bound_ns) for launch in launches]
    common = power(found)
    return tuple(
        Launch(
            index=launch.index,
            blocks=(Block(round=0, calls=1, ns=(round(1e9 / largest_rate(of, common)),)),),
        )
        for launch, of in zip(launches, found, strict=True)
    )


def confirmed(launches: Sequence[Launch], bound_ns: float) -> Run | None:
    """Return the queries at the largest rate that show that at most ``LATE_SHARE`` are late.

    All runs at that rate or a little above count for it: a lower rate makes no more queries late.
    With more late ones than the share, so few would be seen with a probability of at most
    1 - ``CONFIDENCE``, by the binomial distribution (early stopping, as in the rules of MLPerf
    inference; it takes queries for independent).
    """
    every = [run for launch in launches for run in runs(launch, bound_ns)]
    for rate in sorted({run.rate for run in every}, reverse=True):
        near = [run for run in every if rate <= run.rate <= NEAR * rate]
        queries, late = sum(run.queries for run in near), sum(run.late for run in near)
        if bdtr(late, queries, LATE_SHARE) <= 1 - CONFIDENCE:
            return Run(rate, queries, late)
    return None
