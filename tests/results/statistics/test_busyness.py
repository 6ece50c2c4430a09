"""When a machine was too busy for figures: by what the worker's threads lacked."""

import pytest

from simx.results.schema.times import Block, Launch, Noise
from simx.results.statistics.busyness import BUSY_CORES, busyness
from simx.results.statistics.noise import (
    STOLEN_SHARE,
    THROTTLED_SHARE,
    TICK_NS,
    WAITING_SHARE,
    disturbances,
)

WALL = 1_000_000_000


def launches(*noises: Noise) -> tuple[Launch, ...]:
    blocks = (Block(round=at, calls=1, ns=(1,), noise=noise) for at, noise in enumerate(noises))
    return (Launch(index=0, blocks=tuple(blocks)),)


def lacking(cores: float, others: float | None = None) -> Noise:
    return Noise(
        wall_ns=WALL,
        wait_ns=round(cores * WALL),
        others_cpu_ns=None if others is None else round(others * WALL),
    )


@pytest.mark.parametrize(
    ("noises", "is_busy"),
    [
        ((), False),
        ((Noise(),), False),
        ((lacking(0.2, others=1.8),), False),
        ((lacking(0.3),), True),
        ((lacking(0.3), lacking(0.1)), False),
        ((lacking(0.5), lacking(0.1)), True),
        ((Noise(wall_ns=WALL, steal_ns=3 * WALL // 10),), True),
        ((Noise(wall_ns=WALL, throttled_ns=3 * WALL // 10),), True),
        ((Noise(wall_ns=WALL, wait_ns=WALL // 5, steal_ns=WALL // 10),), True),
        ((Noise(wall_ns=TICK_NS // 10, steal_ns=TICK_NS),), False),
    ],
)
def test_what_the_threads_lack_on_average_decides(
    noises: tuple[Noise, ...], *, is_busy: bool
) -> None:
    """Neither what others do on free cores, nor a single tick, nor what is not reported."""
    cells = [launches(*noises)] if noises else []

    assert (busyness(cells) is not None) == is_busy


def test_the_cell_that_lacked_most_decides_for_all() -> None:
    """The others of its rounds were compared with it."""
    found = busyness(
        [launches(lacking(0.0)), launches(lacking(1.6, others=1.5), lacking(0.4, 0.5))]
    )

    assert found is not None
    assert (found.lacking, found.others) == (1.0, 1.0)
    assert (found.disturbed, found.blocks) == (2, 2)


def test_no_undisturbed_block_is_busy() -> None:
    """What was left out as disturbed is not held against the rest."""
    noise = Noise(
        wall_ns=WALL,
        wait_ns=round(WAITING_SHARE * WALL),
        steal_ns=round(STOLEN_SHARE * WALL),
        throttled_ns=round(THROTTLED_SHARE * WALL),
    )
    assert not disturbances(Block(round=0, calls=1, ns=(1,), noise=noise))

    assert WAITING_SHARE + STOLEN_SHARE + THROTTLED_SHARE < BUSY_CORES
    assert busyness([launches(noise)]) is None
