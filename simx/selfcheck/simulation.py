"""Simulates comparisons with a known true ratio, and applies the real statistics to them.

Their rates of false alarms, coverage and power therefore apply to reports.
"""

import itertools
import math
from collections.abc import Iterator
from statistics import fmean as mean
from statistics import median

import msgspec
import numpy as np
import numpy.typing as npt

from simx.results.schema.config import Schedule
from simx.results.schema.times import Block, Launch
from simx.results.statistics.estimates import Ratio, ratio
from simx.results.statistics.sample_size import PilotSpreads

_CALLS = 7
_CALL_NS = 5_000_000


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Standard deviations of the logarithm of a time.

    ``launch`` and ``own_round`` are independent for each cell, ``round`` is common to all cells.
    The defaults are those of a quiet machine; see benchmarks/RESULTS.md.
    """

    launch: float = 0.012
    round: float = 0.03
    own_round: float = 0.018
    call: float = 0.02


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of many comparisons: of intervals without 1, and of intervals with the true ratio.

    ``half_width`` is the median half-width, ``launches`` the mean number of launches.
    """

    comparisons: int
    significant: float
    covered: float
    half_width: float
    launches: float


def simulate(
    true_ratio: float, spread: Spread, schedule: Schedule, comparisons: int, seed: int = 0
) -> Shares:
    """Return the shares of many simulated comparisons of a known ratio."""
    random = np.random.default_rng(seed)
    found = [_compare(true_ratio, spread, schedule, random) for _ in range(comparisons)]
    ends = [(each.low, each.high) for each in found if each.low is not None and each.high]
    return Shares(
        comparisons=comparisons,
        significant=mean(low > 1 or high < 1 for low, high in ends),
        covered=mean(low <= true_ratio <= high for low, high in ends),
        half_width=median(each.half_width or math.nan for each in found),
        launches=mean(each.launches for each in found),
    )


def _compare(
    true_ratio: float, spread: Spread, schedule: Schedule, random: np.random.Generator
) -> Ratio:
    source = _launches(true_ratio, spread, schedule.rounds, random)
    pairs = [next(source) for _ in range(schedule.pilot)]
    if schedule.half_width is not None:
        cells = dict(enumerate(zip(*pairs, strict=True)))
        needed = PilotSpreads().launches_needed("", cells, schedule.half_width)
        wanted = min(needed or schedule.launches, schedule.launches)
        pairs += [next(source) for _ in range(wanted - schedule.pilot)]
    slower, faster = zip(*pairs, strict=True)
    found = ratio(slower, faster, schedule.pilot)
    assert found is not None  # noqa: S101 - every launch has every round
    return found


def _launches(
    true_ratio: float, spread: Spread, rounds: int, random: np.random.Generator
) -> Iterator[tuple[Launch, Launch]]:
    """Yield launches of two cells; the first takes ``true_ratio`` times as long."""
    for index in itertools.count():
        shared = random.normal(0, spread.round, rounds)
        slower = _launch(index, np.log(true_ratio) + shared, spread, random)
        yield slower, _launch(index, shared, spread, random)


def _launch(
    index: int, logs: npt.NDArray[np.float64], spread: Spread, random: np.random.Generator
) -> Launch:
    own = logs + random.normal(0, spread.launch) + random.normal(0, spread.own_round, logs.size)
    calls = np.exp(own[:, np.newaxis] + random.normal(0, spread.call, (logs.size, _CALLS)))
    times = (_CALL_NS * calls).astype(int).tolist()
    blocks = (Block(round=number, calls=1, ns=tuple(ns)) for number, ns in enumerate(times))
    return Launch(index=index, blocks=tuple(blocks))
