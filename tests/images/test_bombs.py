"""Small files that would take far more time or memory than their pixels do are refused."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from simx.common.errors import InputError
from simx.images import files
from simx.images.decoding import decode
from simx.images.files import MAX_SCANS, check_tile


def progressive(scans: int) -> bytes:
    """Return a progressive JPEG with so many scans; encoding it gives six."""
    buffer = io.BytesIO()
    Image.new("L", (16, 16)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    have = data.count(b"\xff\xda")
    return data[:last] + data[last:-2] * (scans - have + 1) + data[-2:]


def test_a_jpeg_may_have_some_scans_and_no_more(tmp_path: Path) -> None:
    """Each scan takes as long as a whole picture, in a hundred bytes."""
    path = tmp_path / "p.jpg"
    path.write_bytes(progressive(MAX_SCANS))
    decode(path)
    path.write_bytes(progressive(MAX_SCANS + 1))

    with pytest.raises(InputError, match="has 101 scans, more than the 100 allowed; save it again"):
        decode(path)


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


SCAN = b"\xff\xda\0\0"


@pytest.mark.parametrize("where", ["comment", "EXIF", "after its end"])
def test_only_scans_of_the_picture_itself_count(where: str, tmp_path: Path) -> None:
    """Data that look like scans, in a segment or behind the picture, are no scans."""
    image = progressive(MAX_SCANS)
    scans = SCAN * (MAX_SCANS + 1)
    marker = {"comment": 0xFE, "EXIF": 0xE1}.get(where)
    data = image + scans if marker is None else image[:2] + segment(marker, scans) + image[2:]
    path = tmp_path / "p.jpg"
    path.write_bytes(data)

    assert decode(path).size == (16, 16)


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0xFE, b"\xff\xd9"),
        b"\xff\xff\xff",
        b"\xff\0\xd9",
        b"\xff\xd0\xff\xd7",
        segment(0xDD, b"\0\1"),
    ],
    ids=["end in a comment", "padding", "stuffed byte", "restart markers", "restart interval"],
)
def test_scans_behind_anything_but_the_end_count(hidden: bytes, tmp_path: Path) -> None:
    """Nothing before the end marker hides the scans after it."""
    data = progressive(MAX_SCANS + 1)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 1)
    path = tmp_path / "p.jpg"
    path.write_bytes(data[:second] + hidden + data[second:])

    with pytest.raises(InputError, match="has 101 scans"):
        decode(path)


def refusal(size: tuple[int, int], tile: tuple[int, int]) -> str:
    """Return why a tile is refused, and nothing for one that passes."""
    try:
        check_tile("p.tif", size, tile)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("size", "tile"), [((1, 1), (2048, 2048)), ((5000, 5000), (8192, 8192)), ((99, 1), (16, 16))]
)
def test_tiles_of_about_the_pictures_size_pass(
    size: tuple[int, int], tile: tuple[int, int]
) -> None:
    """A tile is decoded whole; one somewhat larger than the picture is no harm."""
    assert refusal(size, tile) == ""


def test_tiles_far_larger_than_the_picture_are_refused() -> None:
    """A picture of 16 by 16 can have a tile that takes gigabytes."""
    assert refusal((16, 16), (16384, 16384)).endswith(
        "is 16x16 in tiles of 16384x16384; save it again"
    )


@pytest.mark.parametrize("data", [b"\xff\xd8" + b"\xff" * 5000, b"P6 #" + b"x" * 5000])
def test_padding_is_not_walked_through_for_ever(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder may ask for a file's next bytes only so often."""
    monkeypatch.setattr(files, "MAX_READS", 1000)
    path = tmp_path / "p"
    path.write_bytes(data)

    with pytest.raises(InputError, match="consists of more parts than a picture has"):
        decode(path)


def test_a_stated_length_takes_no_memory(tmp_path: Path) -> None:
    """Reading as much as a file claims to have gives what it has."""
    path = tmp_path / "p"
    path.write_bytes(bytes(100_000))

    with files.opened_picture(path) as file:
        assert len(file.read(2**40)) == 100_000
        assert file.read(2**40) == b""
