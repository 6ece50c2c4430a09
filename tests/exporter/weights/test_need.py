import shutil
from pathlib import Path

import pytest

from simx.common.errors import SystemFailureError
from simx.exporter.weights.cache import checkpoint_path
from simx.exporter.weights.need import Need, need_of, size_of
from simx.exporter.weights.partial import partial_path
from simx.models.backbone import Backbone
from tests.exporter.weights.support import BackboneOf


def test_the_need_is_the_catalogues(backbone_of: BackboneOf, checkpoints: Path) -> None:
    """The catalogue has torchvision's megabytes, which are of 2^20 bytes."""
    backbones = [backbone_of("squeezenet1_1"), backbone_of("alexnet")]

    assert need_of(backbones) == Need(2, round((4.729 + 233.087) * 2**20), checkpoints)


def test_what_has_arrived_is_not_needed_again(small: Backbone, checkpoints: Path) -> None:
    """The rest of an interrupted download is what is missing."""
    checkpoints.mkdir(parents=True)
    whole = need_of([small]).bytes
    partial_path(checkpoint_path(small)).write_bytes(b"\0" * 1000)

    assert need_of([small]).bytes == whole - 1000


def test_room_is_looked_for_where_the_folder_will_be(tmp_path: Path) -> None:
    """A folder that is not there yet has the room of the one it will be made in."""
    need = Need(1, 10, tmp_path / "torch" / "hub" / "checkpoints")

    assert 0 < need.free_bytes() <= shutil.disk_usage(tmp_path).total
    need.require_room()


def test_too_little_room_is_one_line(tmp_path: Path) -> None:
    """It names the folder, what is needed, what there is, and the ways out."""
    need = Need(1, 2**63, tmp_path)

    with pytest.raises(SystemFailureError, match=r"need \d+\.\d GB, and .* are free; make room"):
        need.require_room()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0.0 MB"), (4_958_839, "5.0 MB"), (999_000_000, "999.0 MB"), (22_425_571_951, "22.4 GB")],
)
def test_sizes_are_told_in_decimal_units(count: int, text: str) -> None:
    """As disks and networks have them."""
    assert size_of(count) == text
