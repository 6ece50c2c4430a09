"""Calling a fresh network until its times have levelled off.

First calls are different work: memory is allocated, weights are packed, code is compiled. How many
there are of them differs between runtimes and networks, so it is looked at instead of assumed.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from simx.results.schema.times import Block, Warmup
from simx.results.statistics.estimates import block_median
from simx.runner.measure.messages import BlockPlan

LEVEL = 0.02
"""How much two neighbouring blocks' medians may differ and still be level; blocks of a network that
is warm differ by 1 to 2 % on a quiet machine."""

LEVEL_STEPS = 2
"""Steps in a row that have to be level."""

MOST_BLOCKS = 20
"""Where warming up ends in any case; the launch then says that it did."""

PLAN = BlockPlan(seconds=0.02, min_calls=1)
"""Of each block: as long as what another worker's turn takes to be forgotten, twice over."""


def warm_up(take: Callable[[int], Block]) -> Warmup:
    """Take blocks until their medians no longer trend.

    Args:
        take: takes the block of a number.
    """
    medians: list[float] = []
    while not is_level(medians) and len(medians) < MOST_BLOCKS:
        medians.append(block_median(take(len(medians))))
    return Warmup(medians_ns=tuple(round(value) for value in medians), capped=not is_level(medians))


def is_level(medians: Sequence[float]) -> bool:
    """Whether the last steps from block to block were level, or went back and forth.

    A step is level if it is small, or if it undoes the step before: a trend does neither.
    """
    steps = [math.log(later / earlier) for earlier, later in pairwise(medians)]
    level = [
        abs(step) <= LEVEL or (before is not None and step * before < 0)
        for before, step in zip([None, *steps], steps, strict=False)
    ]
    return len(level) >= LEVEL_STEPS and all(level[-LEVEL_STEPS:])
