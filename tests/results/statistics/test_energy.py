"""The energy of a picture, beyond the power at idle."""

from collections.abc import Sequence

import msgspec
import pytest

from simx.results.schema.times import Block, Launch, Noise
from simx.results.statistics.energy import energy_per_picture

SECOND = 10**9


def launch(index: int, joules: Sequence[float], idle: float = 10.0) -> Launch:
    """Return a launch of blocks of a second with ten calls each."""
    noises = (Noise(wall_ns=SECOND, energy_uj=round(1e6 * each)) for each in joules)
    blocks = (
        Block(round=number, calls=5, ns=(SECOND // 2, SECOND // 2), noise=noise)
        for number, noise in enumerate(noises)
    )
    return Launch(index=index, blocks=tuple(blocks), idle_watts=idle)


def test_idle_power_is_subtracted() -> None:
    """60 J in two seconds, of which 20 J would have been used anyway, for 20 calls of 4."""
    found = energy_per_picture([launch(0, (25, 35))], 4)

    assert found is not None
    assert found.joules == pytest.approx(0.5)
    assert found.low is None


def test_launches_give_an_interval() -> None:
    """Around the geometric mean."""
    found = energy_per_picture([launch(index, (of,)) for index, of in enumerate((20, 30, 50))], 1)

    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.joules == pytest.approx(2)
    assert found.low < 1.5
    assert found.high > 3


@pytest.mark.parametrize(
    "lacking",
    [
        msgspec.structs.replace(launch(1, (20,)), idle_watts=msgspec.UNSET),
        msgspec.structs.replace(
            launch(1, (20,)), blocks=(Block(round=0, calls=1, ns=(5,)), *launch(1, (20,)).blocks)
        ),
        launch(1, (9,)),
    ],
    ids=["no idle power", "a block without energy", "less than at idle"],
)
def test_what_is_not_told_is_absent(lacking: Launch) -> None:
    """Also if other launches tell it, and below the power at idle, which shows nothing."""
    assert energy_per_picture([launch(0, (20,)), lacking], 1) is None
    assert energy_per_picture([], 1) is None
