"""Whether times were taken while the machine was too busy for them to mean anything. Pure.

A slight disturbance makes all backends slower by about the same share, so that noisy times are
figures with a mark. A program that takes a core is another thing: the threads of a network wait for
each other many times in a call, so that one thread without a core stops all of them, and some
backends suffer ten times as much as others. Such times are no figures, however narrow their
interval is.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec

from simx.results.schema.times import Launch
from simx.results.statistics.noise import TICK_NS, disturbances, waited_for_others

BUSY_CORES = 0.25
"""Cores that the threads of a worker may lack on average: see
``docs/methodology/busy-machines.md`` for what was measured. It is above all that the blocks of an
undisturbed round can lack, so that no such round is busy."""


class Busyness(msgspec.Struct, frozen=True, kw_only=True):
    """How busy the machine was during some blocks.

    ``lacking`` is how many cores the worker's threads lacked on average, and ``others`` how many
    other processes used, None where the system does not report it. Of ``blocks``, so many were
    ``disturbed``.
    """

    lacking: float
    others: float | None
    disturbed: int
    blocks: int


def busyness(cells: Sequence[Sequence[Launch]]) -> Busyness | None:
    """Return how busy the machine was; None if it was not too busy for figures.

    The cell that lacked most decides, because the others were compared with it.

    Args:
        cells: The launches of each cell that count.
    """
    found = [_of_cell(launches) for launches in cells if launches]
    worst = max(found, key=lambda each: each.lacking, default=None)
    return worst if worst and worst.lacking > BUSY_CORES else None


def _of_cell(launches: Sequence[Launch]) -> Busyness:
    blocks = list(chain.from_iterable(launch.blocks for launch in launches))
    noises = [block.noise for block in blocks]
    wall = sum(noise.wall_ns or 0 for noise in noises) or 1
    lost = (
        waited_for_others(noise)
        # A single tick may be the end of what was stolen before the block.
        + max(0, (noise.steal_ns or 0) - TICK_NS)
        + (noise.throttled_ns or 0)
        for noise in noises
    )
    others = [noise.others_cpu_ns for noise in noises if noise.others_cpu_ns is not None]
    return Busyness(
        lacking=sum(lost) / wall,
        others=sum(others) / wall if others else None,
        disturbed=sum(bool(disturbances(block)) for block in blocks),
        blocks=len(blocks),
    )
