"""Pictures are read, and timed, once for all cells of a preset."""

from collections.abc import Iterator

import pytest

from simx.images.pictures import bundled
from simx.models.catalogue import load
from simx.runner.bench.reading import READER, PictureReader
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, Worker

BACKBONES = {backbone.name: backbone for backbone in load()}
ALEXNET, SQUEEZENET = BACKBONES["alexnet"], BACKBONES["squeezenet1_1"]
LARGER = BACKBONES["efficientnet_b1"]


class Counting(Launcher):
    """Counts the workers of another launcher."""

    def __init__(self, other: Launcher) -> None:
        self.launched = 0
        self._other = other

    def launch(self) -> Worker:
        self.launched += 1
        return self._other.launch()

    def close(self) -> None:
        self._other.close()


@pytest.fixture
def counting() -> Iterator[Counting]:
    with Counting(launcher(READER)) as counted:
        yield counted


@pytest.fixture
def reader(counting: Counting) -> PictureReader:
    return PictureReader(counting, dict(bundled().files()), 60.0)


def test_backbones_of_a_preset_share_the_times_of_a_launch(
    reader: PictureReader, counting: Counting
) -> None:
    """The work is the same, so one fresh worker times it for each launch."""
    assert ALEXNET.preset == SQUEEZENET.preset
    first, second = (reader.preparation(each, 0) for each in (ALEXNET, SQUEEZENET))

    assert (first.model, second.model) == ("alexnet", "squeezenet1_1")
    assert first.timings == second.timings
    assert counting.launched == 1


def test_each_launch_has_times_of_its_own(reader: PictureReader, counting: Counting) -> None:
    """A launch is the unit of replication, and has a fresh worker."""
    found = [reader.preparation(ALEXNET, index) for index in (0, 1)]

    assert [each.timings[0].launches[0].index for each in found] == [0, 1]
    assert counting.launched == 2


def test_another_preset_is_read_anew(reader: PictureReader, counting: Counting) -> None:
    """A larger input is other work; inputs that are there are not read again."""
    reader.preparation(ALEXNET, 0)
    reader.inputs(ALEXNET.preset)
    larger = reader.inputs(LARGER.preset)

    assert larger.shape[2:] == (240, 240)
    assert counting.launched == 2
