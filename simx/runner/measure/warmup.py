"""Calls a fresh network until its times are level.

First calls also allocate memory, pack weights and compile code. Their number is not known.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from simx.results.schema.times import Block, Warmup, block_median
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.timing import MAX_ENTRIES

LEVEL = 0.02
"""Largest relative difference of two neighbouring blocks' medians that counts as level. Blocks of a
warm network differ by 1 to 2 % on a quiet machine."""

LEVEL_STEPS = 2
MOST_BLOCKS = 20
"""After these the warm-up ends as capped."""

MOST_NS = 1_000_000_000
"""After so many nanoseconds of calls it ends, too, once it has had enough blocks to be level."""

PLAN = BlockPlan(seconds=0.02, min_calls=1, max_calls=MAX_ENTRIES)
"""A block takes twice the time in which the effect of another worker's turn fades. All of its calls
count, because the blocks follow each other."""


def warm_up(take: Callable[[int], Block]) -> Warmup:
    """Measure blocks with ``take``, by their numbers, until their medians have no trend."""
    medians: list[float] = []
    spent = 0
    while not is_level(medians) and len(medians) < MOST_BLOCKS:
        if spent > MOST_NS and len(medians) > LEVEL_STEPS:
            break
        block = take(len(medians))
        spent += sum(block.ns)
        medians.append(block_median(block))
    return Warmup(medians_ns=tuple(round(value) for value in medians), capped=not is_level(medians))


def is_level(medians: Sequence[float]) -> bool:
    """Whether the last steps from block to block are small or change their direction."""
    steps = [math.log(later / earlier) for earlier, later in pairwise(medians)]
    level = [
        abs(step) <= LEVEL or (before is not None and step * before < 0)
        for before, step in zip([None, *steps], steps, strict=False)
    ]
    return len(level) >= LEVEL_STEPS and all(level[-LEVEL_STEPS:])
