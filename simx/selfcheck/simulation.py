"""Simulates comparisons with a known true ratio, and applies the real statistics to them.

They pass through the same functions as measured ones, including the pilot. Their rates of false
alarms, coverage and power therefore apply to reports.
"""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from simx.results.schema.config import Schedule
from simx.results.schema.times import Block, Launch
from simx.results.statistics.estimates import Ratio, ratio
from simx.results.statistics.sample_size import launches_needed

_CALLS = 7
_CALL_NS = 5_000_000


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Standard deviations of the logarithm of a time.

    ``launch`` and ``own_round`` are independent for each cell; ``round`` is common to all cells of
    a round. The defaults are those of a quiet machine; see benchmarks/RESULTS.md.
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
        significant=_share(ends, lambda low, high: low > 1 or high < 1),
        covered=_share(ends, lambda low, high: low <= true_ratio <= high),
        half_width=float(np.median([each.half_width for each in found])),
        launches=float(np.mean([each.launches for each in found])),
    )


def _share(ends: list[tuple[float, float]], holds: Callable[[float, float], bool]) -> float:
    return sum(holds(low, high) for low, high in ends) / len(ends)


def _compare(
    true_ratio: float, spread: Spread, schedule: Schedule, random: np.random.Generator
) -> Ratio:
    source = _launches(true_ratio, spread, schedule.rounds, random)
    pairs = [next(source) for _ in range(schedule.pilot)]
    if schedule.half_width is not None:
        needed = launches_needed(tuple(zip(*pairs, strict=True)), schedule.half_width)
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
    index = 0
    while True:
        shared = random.normal(0, spread.round, rounds)
        yield (
            _launch(index, np.log(true_ratio) + shared, spread, random),
            _launch(index, shared, spread, random),
        )
        index += 1


def _launch(
    index: int, logs: npt.NDArray[np.float64], spread: Spread, random: np.random.Generator
) -> Launch:
    own = logs + random.normal(0, spread.launch) + random.normal(0, spread.own_round, logs.size)
    calls = np.exp(own[:, np.newaxis] + random.normal(0, spread.call, (logs.size, _CALLS)))
    return Launch(
        index=index,
        blocks=tuple(
            Block(round=number, calls=1, ns=tuple(ns))
            for number, ns in enumerate((_CALL_NS * calls).astype(int).tolist())
        ),
    )
