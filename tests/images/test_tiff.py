"""Kinds of TIFF are decoded right, or refused as what they are."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from simx.common.errors import InputError
from simx.images.decoding import decode

Writer = Callable[..., Path]

GREYS = (0, 51, 255)
PACK_BITS = 32773

NUMBERS = ["u1", "u2", "u4", "u8", "i4", "f2", "f4", "f8"]
FORMATS = {"u": 1, "i": 2, "f": 3}
WHITE = {"u1": 2**8 - 1, "u2": 2**16 - 1, "u4": 2**32 - 1, "u8": 2**64 - 1, "i4": 65535}
"""What white is; 1 for floats."""

LAYOUTS = [(1, 1, None), (0, 1, None), (1, 2, 2), (2, 3, None), (2, 4, 0), (2, 4, 1), (2, 4, 2)]
"""Photometric interpretation, samples per pixel, and what the last is (TIFF 6.0, ExtraSamples)."""


DECODED = {
    "u1": {layout[:2] for layout in LAYOUTS},
    "u2": {(1, 1), (0, 1), (2, 3), (2, 4)},
    "u4": {(1, 1)},
    "i4": {(1, 1)},
    "f4": {(1, 1), (0, 1)},
}
"""The first two of each layout that Pillow decodes where nothing else is unusual."""


def samples_of(number: str, photometric: int, count: int, extra: int | None) -> NDArray[np.generic]:
    """Return three opaque grey pixels, [3, count]."""
    white = WHITE.get(number, 1)
    shades = [255 - grey if photometric == 0 else grey for grey in GREYS]
    levels = [shade / 255 if white == 1 else white * shade // 255 for shade in shades]
    values = np.array([[level] * count for level in levels], number)
    if extra is not None:
        values[:, -1] = white
    return values


def packed(strip: bytes) -> bytes:
    """Return a strip of up to 128 bytes as PackBits, of literal bytes only."""
    return bytes([len(strip) - 1]) + strip


def outcome(path: Path) -> object:
    """Return the pixels of a picture, or why it is refused."""
    try:
        return np.asarray(decode(path)).tolist()
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(("photometric", "count", "extra"), LAYOUTS)
def test_every_kind_is_right_or_refused_as_a_kind(
    number: str, photometric: int, count: int, extra: int | None, write_tiff: Writer
) -> None:
    """In both byte orders, packed or not, in planes or not: never wrong, and never "damaged"."""
    values = samples_of(number, photometric, count, extra)
    right = [[[grey] * 3 for grey in GREYS]]
    for order, is_packed, in_planes in itertools.product("<>", (False, True), (False, True)):
        stored = values.astype(f"{order}{number}")
        strips = [plane.tobytes() for plane in (stored.T if in_planes else [stored])]
        path = write_tiff(
            len(GREYS),
            *(map(packed, strips) if is_packed else strips),
            bits=values.itemsize * 8,
            sample_format=FORMATS[number[0]],
            photometric=photometric,
            order=order,
            compression=PACK_BITS if is_packed else 1,
            samples=count,
            extra=extra,
        )
        found = outcome(path)
        is_decoded = (photometric, count) in DECODED.get(number, set())
        if is_decoded and (order, is_packed, in_planes) == ("<", False, False):
            assert found == right
        elif found != right:
            assert str(found).startswith(f"picture {path} is a kind of TIFF that is not supported")


def test_a_damaged_header_is_no_kind(write_tiff: Writer) -> None:
    """A TIFF that does not say how large it is, or where its pixels are, is damaged."""
    path = write_tiff(3, bytes(6), bits=16, sample_format=1, photometric=1)
    whole = path.read_bytes()
    for length in (4, 8, 12, 60):
        path.write_bytes(whole[:length])

        with pytest.raises(InputError, match="is not a picture that can be read"):
            decode(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "1", "P"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_what_pillow_writes_is_no_strange_kind(
    mode: str, compression: str | None, tmp_path: Path
) -> None:
    """The kinds that programs usually write are decoded."""
    path = tmp_path / "p.tif"
    Image.new("RGB", (8, 8), "red").convert("L" if mode == "I;16" else mode).convert(mode).save(
        path, compression=compression
    )

    assert decode(path).size == (8, 8)
