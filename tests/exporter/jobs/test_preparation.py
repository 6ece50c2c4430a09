import shutil
from pathlib import Path

import pytest

from simx.common.errors import SystemFailureError
from simx.exporter.jobs.preparation import require_room
from simx.exporter.weights.cache import size_of
from tests.exporter.weights.support import BackboneOf


def give(monkeypatch: pytest.MonkeyPatch, free: int) -> list[Path]:
    """Let every disk have this many free bytes; returns the folders that are asked about."""
    asked: list[Path] = []

    def usage(folder: Path) -> shutil._ntuple_diskusage:
        asked.append(folder)
        return shutil._ntuple_diskusage(free, 0, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return asked


@pytest.mark.usefixtures("checkpoints")
def test_the_need_is_the_catalogues(
    backbone_of: BackboneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue has torchvision's megabytes, which are of 2^20 bytes."""
    give(monkeypatch, 10**9)
    backbones = [backbone_of("squeezenet1_1"), backbone_of("alexnet")]
    needed = round(4.729 * 2**20) + round(233.087 * 2**20)

    assert require_room(backbones) == (needed, 10**9)


@pytest.mark.usefixtures("checkpoints")
def test_room_is_looked_for_where_the_folder_will_be(
    backbone_of: BackboneOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is missing has the room of the one that it will be made in."""
    asked = give(monkeypatch, 10**9)
    require_room([backbone_of("squeezenet1_1")])

    assert asked == [tmp_path]


def test_too_little_room_is_one_line(
    backbone_of: BackboneOf, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the folder, what is needed, what is free, and the ways out."""
    give(monkeypatch, 4_000_000)

    with pytest.raises(
        SystemFailureError,
        match=f"{checkpoints}: the checkpoints need 5.0 MB, and 4.0 MB are free; make room",
    ):
        require_room([backbone_of("squeezenet1_1")])


@pytest.mark.usefixtures("checkpoints")
def test_a_disk_that_cannot_be_examined_is_one_line(
    backbone_of: BackboneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own reason, and the variable that chooses another folder."""

    def failing(_: Path) -> shutil._ntuple_diskusage:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", failing)
    with pytest.raises(
        SystemFailureError, match=r"examined \(Input/output error\); set TORCH_HOME"
    ):
        require_room([backbone_of("squeezenet1_1")])


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0.0 MB"), (4_958_839, "5.0 MB"), (999_000_000, "999.0 MB"), (22_425_571_951, "22.4 GB")],
)
def test_sizes_are_given_in_decimal_units(count: int, text: str) -> None:
    """As disks and networks have them."""
    assert size_of(count) == text
