"""A PNG is decoded whatever its colour profile and its texts are."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import PngImagePlugin
from PIL.PngImagePlugin import MAX_TEXT_CHUNK, MAX_TEXT_MEMORY

from simx.common.errors import InputError
from simx.images.decoding import decode
from tests.images.conftest import chunk

Writer = Callable[..., Path]

LONG = zlib.compress(bytes(MAX_TEXT_CHUNK + 1))
PROFILE = chunk(b"iCCP", b"name\0\0" + LONG)
PACKED = chunk(b"zTXt", b"name\0\0" + LONG)
TEXTS = {
    "profile": PROFILE,
    "packed text": PACKED,
    "packed international text": chunk(b"iTXt", b"name\0\1\0\0\0" + LONG),
    "many texts": chunk(b"tEXt", b"name\0" + bytes(MAX_TEXT_CHUNK))
    * (MAX_TEXT_MEMORY // MAX_TEXT_CHUNK + 1),
}
TURNED = chunk(b"tEXt", b"XML:com.adobe.xmp\0" + b'tiff:Orientation="6"')
LINES = [bytes((10, 20, 30)), bytes((40, 50, 60))]


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize("where", ["before", "after"])
def test_what_is_not_used_may_be_long(what: str, where: str, write_png: Writer) -> None:
    """A profile or text that Pillow refuses, before the pixels or after them, is passed over."""
    path = write_png((1, 2), 8, 2, LINES, **{where: TEXTS[what]})

    assert np.asarray(decode(path)).tolist() == [[[10, 20, 30]], [[40, 50, 60]]]


@pytest.mark.parametrize("what", ["profile", "packed text"])
def test_a_picture_with_a_long_text_is_still_turned(what: str, write_png: Writer) -> None:
    """The text that holds the orientation is used."""
    path = write_png((1, 2), 8, 2, LINES, before=TURNED + TEXTS[what])

    assert np.asarray(decode(path)).tolist() == [[[40, 50, 60], [10, 20, 30]]]


def test_a_transparent_colour_behind_a_long_text_is_white(write_png: Writer) -> None:
    """What else the file says of its pixels holds."""
    colour = b"".join(bytes((0, value)) for value in LINES[0])
    path = write_png((1, 2), 8, 2, LINES, transparent=colour, before=PROFILE)

    assert np.asarray(decode(path)).tolist() == [[[255, 255, 255]], [[40, 50, 60]]]


def test_many_long_texts_are_not_unpacked(
    write_png: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand packed texts in a file of a megabyte take no time."""
    unpacked = []
    unpack = PngImagePlugin._safe_zlib_decompress

    def counted(data: bytes) -> bytes:
        unpacked.append(len(data))
        return unpack(data)

    monkeypatch.setattr(PngImagePlugin, "_safe_zlib_decompress", counted)
    path = write_png((1, 2), 8, 2, LINES, before=PACKED * 1000)

    assert decode(path).size == (1, 2)
    assert len(unpacked) == 2


@pytest.mark.parametrize("what", TEXTS)
def test_damaged_pixels_behind_a_long_text_are_noticed(what: str, write_png: Writer) -> None:
    """One flipped bit among the pixels is an error as in any other PNG."""
    path = write_png((1, 2), 8, 2, LINES, before=TEXTS[what])
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 12] ^= 1
    path.write_bytes(data)

    with pytest.raises(InputError, match="cannot be decoded"):
        decode(path)
