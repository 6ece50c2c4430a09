"""Real comparisons: of a network with itself, with a slower one, and beside a busy neighbour."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import numpy as np

from simx.results.schema.config import Schedule
from simx.results.schema.times import Block, block_median
from simx.results.statistics.estimates import Ratio, log_ratios
from simx.results.statistics.noise import disturbances
from simx.runner.bench.cells import PlannedCell
from simx.selfcheck.laboratory import MORE_PIXELS, Laboratory, PairComparison
from simx.selfcheck.simulation import Spread

BACKENDS = ("torch", "ort")

SLOWDOWN = 1.03

Pair = tuple[PlannedCell, PlannedCell]

OnComparison = Callable[[str, int, int], None]
"""Called before each comparison, with its description, its index and the number of them."""

AT_LENGTH = Schedule(pilot=10, launches=60, rounds=5, half_width=0.004, budget_seconds=300.0)
"""Schedule of the reference comparison, several times as precise as the judged ones."""

SHORT = Schedule(pilot=5, launches=5, rounds=2)
"""Schedule of many comparisons: the coverage of intervals does not depend on their width."""

NO_PRESSURE = 0.01
"""Share of a block's time below which pressure does not count: waking up takes as much."""


class Trials(msgspec.Struct, frozen=True, kw_only=True):
    """Comparisons of one kind, and their true ratio if it is known."""

    comparisons: tuple[PairComparison, ...]
    truth: Ratio | None = None

    @property
    def significant(self) -> int:
        """The number of comparisons whose interval does not contain 1."""
        ends = ((each.ratio.low or 1.0, each.ratio.high or 1.0) for each in self.comparisons)
        return sum(not low <= 1.0 <= high for low, high in ends)

    @property
    def covered(self) -> int:
        """The number of comparisons that agree with the true ratio, within both intervals."""
        truth = self.truth
        return 0 if truth is None else sum(_agree(each.ratio, truth) for each in self.comparisons)

    @property
    def noisy(self) -> int:
        """The number of comparisons that were too noisy."""
        return sum(each.filtered.noisy for each in self.comparisons)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks of all comparisons."""
        cells = (cell for each in self.comparisons for cell in each.measured)
        return tuple(block for cell in cells for launch in cell for block in launch.blocks)


def of_equals(
    laboratory: Laboratory, count: int, on_comparison: OnComparison, schedule: Schedule = SHORT
) -> Trials:
    """Compare a network with itself, on both backends in turns."""
    backends = (BACKENDS[place % len(BACKENDS)] for place in range(count))
    pairs = [(laboratory.cell(each), laboratory.cell(each, again=True)) for each in backends]
    return _compared(laboratory, "equal ones", pairs, schedule, on_comparison)


def planted(laboratory: Laboratory, on_comparison: OnComparison) -> int:
    """Return how much larger a crop has to be to slow the network down by ``SLOWDOWN``.

    It is the largest one if none does.
    """
    for place, pixels in enumerate(MORE_PIXELS):
        on_comparison("larger crops", place, len(MORE_PIXELS))
        if laboratory.compare(*_unequal(laboratory, pixels), SHORT).ratio.value >= SLOWDOWN:
            break
    return pixels


def of_unequals(
    laboratory: Laboratory,
    more_pixels: int,
    count: int,
    schedule: Schedule,
    on_comparison: OnComparison,
    truth: Ratio | None = None,
) -> Trials:
    """Compare the network with a larger crop with the usual one."""
    pairs = [_unequal(laboratory, more_pixels)] * count
    return _compared(laboratory, "a known slowdown", pairs, schedule, on_comparison, truth)


def _unequal(laboratory: Laboratory, more_pixels: int) -> Pair:
    return laboratory.cell("ort", more_pixels, again=True), laboratory.cell("ort")


def _compared(
    laboratory: Laboratory,
    what: str,
    pairs: Sequence[Pair],
    schedule: Schedule,
    on_comparison: OnComparison,
    truth: Ratio | None = None,
) -> Trials:
    found = []
    for place, pair in enumerate(pairs):
        on_comparison(what, place, len(pairs))
        found.append(laboratory.compare(*pair, msgspec.structs.replace(schedule, seed=place)))
    return Trials(comparisons=tuple(found), truth=truth)


@contextmanager
def neighbour() -> Iterator["subprocess.Popen[bytes]"]:
    """Keep one core busy with another process."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as hog:
        try:
            yield hog
        finally:
            hog.kill()


def flagged_share(blocks: Sequence[Block]) -> float:
    """Return the share of flagged blocks."""
    return sum(bool(disturbances(block)) for block in blocks) / max(1, len(blocks))


def quiet_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks without steal and almost without pressure."""
    return [
        block
        for block in blocks
        if not block.noise.steal_ns
        and (block.noise.pressure_ns or 0) <= NO_PRESSURE * (block.noise.wall_ns or 0)
    ]


def spread_of(comparisons: Sequence[PairComparison]) -> Spread:
    """Return the standard deviations of equal cells' times, from comparisons of equals.

    The difference of two equal cells has twice the variance of each.
    """
    launches: list[float] = []
    rounds: list[float] = []
    calls: list[float] = []
    for each in comparisons:
        first, second = each.filtered.cells
        launches += log_ratios(first, second).values()
        for a, b in zip(first, second, strict=True):
            pairs = zip(a.blocks, b.blocks, strict=True)
            own = [math.log(block_median(x) / block_median(y)) for x, y in pairs]
            mean = math.fsum(own) / len(own)
            rounds += [(log - mean) ** 2 * len(own) / max(1, len(own) - 1) for log in own]
            calls += [float(np.std(np.log(block.ns))) for block in a.blocks + b.blocks]
    own_round = math.fsum(rounds) / len(rounds) / 2
    between = float(np.var(launches, ddof=1)) / 2 - own_round * len(launches) / len(rounds)
    return Spread(
        launch=math.sqrt(max(0.0, between)),
        own_round=math.sqrt(own_round),
        call=float(np.median(calls)),
    )


def _agree(found: Ratio, truth: Ratio) -> bool:
    if found.half_width is None or truth.half_width is None:
        return True
    widths = math.hypot(math.log1p(found.half_width), math.log1p(truth.half_width))
    return abs(math.log(found.value / truth.value)) <= widths
