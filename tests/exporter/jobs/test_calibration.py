"""The pictures that int8 is calibrated on: which, in what order, and what is refused."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simx.common.errors import InputError
from simx.exporter.jobs.calibration import MOST_PICTURES, calibration_of, calibration_pixels
from simx.exporter.store.cache_key import converted_key
from simx.exporter.verification.pictures import verification_pixels
from simx.models.catalogue import load

SQUEEZENET = next(backbone for backbone in load() if backbone.name == "squeezenet1_1")
GIANT = next(backbone for backbone in load() if backbone.name == "vit_h_14")


def written(folder: Path, count: int = 8) -> Path:
    """Return a folder of different pictures."""
    (folder / "sub").mkdir(parents=True)
    for place in range(count):
        path = folder / ("sub" if place % 2 else ".") / f"{place:03}.png"
        Image.new("RGB", (8, 8), (place, 0, 0)).save(path)
    return folder


def test_no_calibration_picture_is_verified() -> None:
    """They differ from each other and from the pictures that the export is verified with."""
    pictures = list(calibration_pixels(SQUEEZENET))
    verified = list(verification_pixels(SQUEEZENET))

    assert len(pictures) == 24
    assert all(each.shape == (224, 224, 3) for each in pictures)
    assert not any(
        np.array_equal(one, other)
        for one, other in itertools.combinations([*pictures, *verified[:3]], 2)
    )


def test_calibration_pictures_are_the_same_every_time() -> None:
    """A file that is made again is the same file."""
    pairs = zip(calibration_pixels(SQUEEZENET), calibration_pixels(SQUEEZENET), strict=True)

    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_giant_is_calibrated_on_few_pictures(tmp_path: Path) -> None:
    """One call of it takes seconds or more."""
    own = calibration_of(written(tmp_path / "own"), ["int8"])

    assert sum(1 for _ in calibration_pixels(GIANT)) == 4
    assert sum(1 for _ in calibration_pixels(GIANT, own)) == 4


def test_pictures_of_a_folder_take_the_place_of_the_bundled_ones(tmp_path: Path) -> None:
    """Those of sub-folders are among them."""
    own = calibration_of(written(tmp_path / "own"), ["int8"])
    reds = {int(pixels[0, 0, 0]) for pixels in calibration_pixels(SQUEEZENET, own)}

    assert reds == set(range(8))


def test_the_content_of_the_pictures_decides(tmp_path: Path) -> None:
    """Under other names they make the same export, and with another picture another one."""
    folder = written(tmp_path / "one")
    copied = Path(shutil.copytree(folder, tmp_path / "two"))
    (copied / "000.png").rename(copied / "sub" / "zzz.png")
    other = written(tmp_path / "three", 9)
    one, two, three = (calibration_of(each, ["int8"]) for each in (folder, copied, other))
    assert one is not None
    assert two is not None
    assert three is not None

    keys = {
        converted_key("0" * 64, SQUEEZENET.preset, "int8", sha256)
        for sha256 in (None, one.sha256, three.sha256)
    }
    assert one.sha256 == two.sha256
    assert [Path(path).read_bytes() for path in one.files] == [
        Path(path).read_bytes() for path in two.files
    ]
    assert len(keys) == 3


def test_of_many_pictures_some_are_taken(tmp_path: Path) -> None:
    """They are spread over all, so that a sorted folder gives every kind."""
    own = calibration_of(written(tmp_path / "own", 2 * MOST_PICTURES), ["int8"])
    assert own is not None

    assert len(own.files) == MOST_PICTURES
    assert max(own.files) > str(tmp_path / "own" / "sub" / "250")


@pytest.mark.parametrize(
    ("count", "precisions", "reason"),
    [
        (7, ["fp32", "int8"], "has 7 different pictures, and at least 8 are needed"),
        (0, ["int8"], "has 0 different pictures"),
        (8, ["fp32", "fp16"], "--calibrate works only with --precision int8"),
    ],
)
def test_what_cannot_be_calibrated_on_is_refused(
    tmp_path: Path, count: int, precisions: list[str], reason: str
) -> None:
    """Before anything is exported, and in one line."""
    with pytest.raises(InputError, match=reason):
        calibration_of(written(tmp_path / "own", count), precisions)  # type: ignore[arg-type]  # parametrised


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(InputError, match="nowhere: has 0 different pictures"):
        calibration_of(tmp_path / "nowhere", ["int8"])


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    """Otherwise the hash would claim a picture that gave no range."""
    (written(tmp_path / "own") / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(InputError, match=r"bad\.png"):
        calibration_of(tmp_path / "own", ["int8"])


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It has no pictures, even if it is one."""
    path = written(tmp_path / "own") / "000.png"

    with pytest.raises(InputError, match=r"000\.png: has 0 different pictures"):
        calibration_of(path, ["int8"])
