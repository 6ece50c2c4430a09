"""Which pictures are measured with."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from simx.common.errors import InputError, SystemFailureError
from simx.images import pictures as module
from simx.images.decoding import decode
from simx.images.pictures import bundled, check_presets, chosen, describe
from simx.models import pictures as records
from simx.models.backbone import Preset
from simx.models.pictures import IMAGES, PictureSet

LARGE = Preset(crop=600, resize=600, interpolation="bicubic", mean=(0,) * 3, std=(1,) * 3)


def picture(path: Path, size: tuple[int, int], colour: str = "red") -> Path:
    """Save a plain picture."""
    Image.new("RGB", size, colour).save(path)
    return path


def test_the_names_are_those_of_a_report() -> None:
    """Pictures, report and tables use the same names in the same order."""
    assert get_args(records.Image) == IMAGES
    assert tuple(name for name, _ in bundled().files()) == IMAGES
    assert tuple(path.stem for _, path in bundled().files()) == IMAGES


def test_the_bundled_pictures_are_the_documented_ones() -> None:
    """Size and length of each bundled picture are those its provenance states."""
    folder = bundled().anchor.parent
    lines = (folder / "PROVENANCE.md").read_text(encoding="utf-8").splitlines()

    for _, path in bundled().files():
        facts = describe(path)
        (line,) = [line for line in lines if f"`{path.name}`" in line]
        assert f" {facts.width}\N{MULTIPLICATION SIGN}{facts.height} " in line
        assert f" {facts.bytes:,} " in line
        assert facts.bundled


def test_nothing_chosen_is_the_bundled_set(tmp_path: Path) -> None:
    """Without a picture of the user's nothing is written, and all are the bundled ones."""
    assert chosen(workdir=tmp_path) == bundled()
    assert list(tmp_path.iterdir()) == []


def test_a_positive_of_the_users_keeps_the_bundled_pair(tmp_path: Path) -> None:
    """The resized negative has nothing to do with the positive."""
    own = picture(tmp_path / "own.png", (40, 30))

    assert chosen(positive=own, workdir=tmp_path / "work") == PictureSet(
        anchor=bundled().anchor,
        positive=own,
        negative=bundled().negative,
        negative_resized=bundled().negative_resized,
    )


def test_a_negative_of_the_users_is_resized_to_the_bundled_anchor(tmp_path: Path) -> None:
    """The resized negative is the user's own negative, at the anchor's size."""
    own = picture(tmp_path / "own.png", (40, 30), "blue")
    files = chosen(negative=own, workdir=tmp_path / "new" / "work")

    resized = decode(files.negative_resized)
    assert files.negative == own
    assert resized.size == decode(bundled().anchor).size
    assert np.allclose(np.asarray(resized), (0, 0, 255), atol=3)
    assert files.negative_resized.parent == tmp_path / "new" / "work"


def test_an_anchor_of_the_users_gives_the_size_it_has_upright(tmp_path: Path) -> None:
    """The bundled negative is resized to the user's anchor as a person sees it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    own = tmp_path / "own.jpg"
    Image.new("RGB", (64, 48)).save(own, exif=exif)
    files = chosen(anchor=own, workdir=tmp_path)

    assert files.anchor == own
    assert files.negative == bundled().negative
    assert decode(files.negative_resized).size == (48, 64)


@pytest.mark.parametrize("role", ["anchor", "positive", "negative"])
@pytest.mark.parametrize("name", ["missing.jpg", "text.jpg", ""])
def test_a_bad_picture_in_any_place_is_named_as_typed(
    role: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every picture is decoded before any is handed out."""
    monkeypatch.chdir(tmp_path)
    Path("text.jpg").write_text("no picture", encoding="utf-8")
    typed = f"./{name}" if name else ""

    with pytest.raises(InputError) as caught:
        chosen(
            anchor=typed if role == "anchor" else None,
            positive=typed if role == "positive" else None,
            negative=typed if role == "negative" else None,
            workdir=tmp_path / "work",
        )

    assert f"picture {typed or repr('')}" in str(caught.value)
    assert not (tmp_path / "work").exists()


def test_a_work_folder_that_cannot_be_written_is_the_systems_failure(tmp_path: Path) -> None:
    """Failing to write simx's own file is not the user's input."""
    blocked = tmp_path / "file"
    blocked.write_bytes(b"x")

    with pytest.raises(SystemFailureError, match="cannot be written to"):
        chosen(negative=bundled().negative, workdir=blocked)


def test_a_damaged_installation_is_the_systems_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundled picture that is gone is not the user's input; the message says what to do."""
    monkeypatch.setattr(module, "__file__", str(tmp_path / "pictures.py"))

    with pytest.raises(SystemFailureError, match="reinstall simx-bench"):
        chosen(workdir=tmp_path)


def test_facts_identify_a_picture_by_its_content(tmp_path: Path) -> None:
    """Hash and length are the file's, the size is the upright picture's, bundled is the content."""
    exif = Image.Exif()
    exif[0x0112] = 8
    own = tmp_path / "own.jpg"
    Image.new("RGB", (30, 20)).save(own, exif=exif)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(bundled().positive.read_bytes())
    facts = describe(own)

    assert facts.sha256 == hashlib.sha256(own.read_bytes()).hexdigest()
    assert facts.bytes == own.stat().st_size
    assert (facts.width, facts.height) == (20, 30)
    assert not facts.bundled
    assert describe(copy) == describe(bundled().positive)


def test_a_picture_too_long_for_a_preset_is_found_beforehand(tmp_path: Path) -> None:
    """The bundled pictures suit a large preset; a 50:1 picture does not, and is named."""
    files = chosen(anchor=picture(tmp_path / "long.png", (100, 2)), workdir=tmp_path)
    check_presets(bundled(), [LARGE])

    with pytest.raises(InputError, match=r"long\.png is 100x2.*600 makes 30000x600"):
        check_presets(files, [LARGE])


RESIZE_IN_LITTLE_MEMORY = """
import resource, sys
from PIL import Image
from pathlib import Path
from simx.images.pictures import chosen
wide, tall, folder = map(Path, sys.argv[1:])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
chosen(anchor=wide, negative=tall, workdir=folder)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_tall_negative_and_a_wide_anchor_need_little_memory(tmp_path: Path) -> None:
    """Resizing 200x10000 to 10000x200 does not pass through 10000x10000, which is 400 MB."""
    wide = picture(tmp_path / "wide.png", (10_000, 200))
    tall = picture(tmp_path / "tall.png", (200, 10_000))
    arguments = [str(path) for path in (wide, tall, tmp_path)]
    command = [sys.executable, "-c", RESIZE_IN_LITTLE_MEMORY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert decode(tmp_path / "negative_resized.jpg").size == (10_000, 200)
