"""Pixels of any kind -> opaque RGB."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from simx.images.colour import as_seen
from simx.images.decoding import decode

Writer = Callable[..., Path]


def pixels(image: Image.Image) -> list[tuple[int, int, int]]:
    """Return the RGB values in reading order."""
    assert image.mode == "RGB"
    return [tuple(values) for values in np.asarray(image).reshape(-1, 3).tolist()]


def greys(image: Image.Image) -> list[int]:
    """Return the grey values in reading order."""
    rgb = pixels(image)
    assert all(red == green == blue for red, green, blue in rgb)
    return [red for red, _, _ in rgb]


def row(values: list[float], dtype: type[np.generic]) -> Image.Image:
    """Return a one-line grey image."""
    array: NDArray[np.generic] = np.array([values]).astype(dtype)
    return Image.fromarray(array)


def test_opaque_rgb_is_returned_itself() -> None:
    """An image that is opaque RGB already costs nothing."""
    image = Image.new("RGB", (2, 2), "red")

    assert as_seen(image) is image


@pytest.mark.parametrize(
    ("mode", "tolerance"),
    [
        ("RGBX", 0),
        ("RGBA", 0),
        ("RGBa", 0),
        ("CMYK", 0),
        ("YCbCr", 2),
        ("HSV", 3),
        ("LAB", 25),  # 8 bits a channel and the edge of sRGB
        ("P", 26),  # the web palette has steps of 51
    ],
)
def test_opaque_colours_survive_every_mode(mode: str, tolerance: int) -> None:
    """A saturated and a mixed colour look the same, as far as the mode can hold them."""
    original = Image.new("RGB", (2, 1), (250, 10, 20))
    original.putpixel((1, 0), (90, 140, 200))
    stored = original.convert("RGBA").convert("RGBa") if mode == "RGBa" else original.convert(mode)

    assert np.allclose(pixels(as_seen(stored)), pixels(original), atol=tolerance)


def test_one_bit_is_black_and_white() -> None:
    """Bilevel pixels become the two extremes."""
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)

    assert greys(as_seen(image)) == [0, 255]


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La"])
def test_alpha_is_composited_over_white(mode: str) -> None:
    """Half-transparent black is mid-grey and fully transparent black is white, in any mode."""
    straight = "RGBA" if mode.startswith("RGB") else "LA"
    image = Image.new(straight, (3, 1))
    for column, alpha in enumerate((255, 128, 0)):
        image.putpixel((column, 0), (0,) * (len(straight) - 1) + (alpha,))

    assert greys(as_seen(image.convert(mode))) == [0, 127, 255]


def test_palette_alpha_is_composited_over_white() -> None:
    """A palette with an alpha value per entry shows white through the entries that let it."""
    image = Image.new("P", (3, 1))
    image.putpalette([200, 0, 0, 0, 0, 0, 0, 0, 200])
    for column in range(3):
        image.putpixel((column, 0), column)
    image.info["transparency"] = bytes([0, 128, 255])

    assert pixels(as_seen(image)) == [(255, 255, 255), (127, 127, 127), (0, 0, 200)]


def test_a_palette_that_holds_alpha_is_composited_over_white() -> None:
    """An RGBA palette is honoured, and so is an alpha channel beside a palette."""
    holding = Image.new("P", (2, 1))
    holding.putpalette([200, 0, 0, 0, 0, 0, 200, 255], "RGBA")
    holding.putpixel((1, 0), 1)
    beside = Image.new("PA", (2, 1))
    beside.putpalette([200, 0, 0, 0, 0, 200])
    beside.putpixel((1, 0), (1, 255))

    assert pixels(as_seen(holding)) == [(255, 255, 255), (0, 0, 200)]
    assert pixels(as_seen(beside)) == [(255, 255, 255), (0, 0, 200)]


def test_one_transparent_palette_entry_is_white(tmp_path: Path) -> None:
    """The transparent entry of a saved palette PNG and of a GIF shows white."""
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 0), 1)

    for name in ("p.png", "p.gif"):
        image.save(tmp_path / name, transparency=0)

        assert pixels(decode(tmp_path / name)) == [(255, 255, 255), (0, 0, 200)]


@pytest.mark.parametrize(
    ("depth", "line", "transparent", "expected"),
    [
        (1, b"\x40", 0, [255, 255]),
        (2, b"\x1b", 1, [0, 255, 170, 255]),
        (4, b"\x2f", 2, [255, 255]),
        (4, b"\x2e", 15, [34, 238]),
        (8, b"\x02\x80", 2, [255, 128]),
        (16, struct.pack(">2H", 0x0200, 0x8000), 0x0200, [255, 128]),
        (16, struct.pack(">2H", 0x0201, 0x8000), 0x0200, [2, 128]),
    ],
)
def test_a_transparent_grey_is_white_at_every_depth(
    depth: int, line: bytes, transparent: int, expected: list[int], write_png: Writer
) -> None:
    """A grey PNG's transparent value is matched at the depth the file states it in."""
    size = (len(expected), 1)
    path = write_png(size, depth, 0, [line], transparent=struct.pack(">H", transparent))

    assert greys(decode(path)) == expected


@pytest.mark.parametrize(("depth", "code", "unit"), [(8, "B", 1), (16, "H", 256)])
def test_a_transparent_colour_is_white_at_every_depth(
    depth: int, code: str, unit: int, write_png: Writer
) -> None:
    """A colour PNG's transparent colour is matched with 8 and with 16 bits a channel."""
    values = [value * unit for value in (10, 20, 30, 40, 50, 60)]
    line = struct.pack(f">6{code}", *values)
    path = write_png((2, 1), depth, 2, [line], transparent=struct.pack(">3H", *values[:3]))

    assert pixels(decode(path)) == [(255, 255, 255), (40, 50, 60)]


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
def test_sixteen_bit_grey_is_scaled(suffix: str, tmp_path: Path) -> None:
    """Every 16-bit value becomes the nearest 8-bit one: monotone, mid-grey 128, ends 0 and 255."""
    ramp = Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    path = tmp_path / f"ramp{suffix}"
    ramp.save(path)

    values = np.array(greys(decode(path)))
    assert np.array_equal(values, np.rint(np.arange(65536) / 257))
    assert values[32768] == 128


def test_big_endian_sixteen_bit_grey_is_scaled() -> None:
    """The byte order of 16-bit grey does not matter."""
    image = row([0, 32768, 65535], np.uint16).convert("I").convert("I;16B")

    assert greys(as_seen(image)) == [0, 128, 255]


def test_a_transparent_deep_grey_beside_its_neighbour(write_png: Writer) -> None:
    """Only the exact 16-bit value is transparent, not every value that scales to the same grey."""
    line = struct.pack(">2H", 1000, 1001)
    path = write_png((2, 1), 16, 0, [line], transparent=struct.pack(">H", 1000))

    assert greys(decode(path)) == [255, 4]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.25, 0.5, 0.5], [64, 128, 128]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([7.0, 7.0, 7.0], [0, 0, 0]),
    ],
)
def test_float_grey_is_scaled(values: list[float], expected: list[int]) -> None:
    """Floats in [0, 1] keep that scale; others are spread over their own range."""
    assert greys(as_seen(row(values, np.float32))) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_float_grey_that_is_not_finite_is_refused(value: float) -> None:
    """One value that is not finite has no grey, wherever it stands."""
    with pytest.raises(ValueError, match="not all finite"):
        as_seen(row([0.5, value, 0.5], np.float32))


def test_signed_grey_is_spread_over_its_range() -> None:
    """Integers outside 0..65535 have no agreed white, so their own extremes are taken."""
    assert greys(as_seen(row([-1000, 0, 1000], np.int32))) == [0, 128, 255]


@pytest.mark.parametrize(
    ("bits", "data", "sample_format"),
    [
        (16, struct.pack("<3H", 0, 13107, 65535), 1),
        (32, struct.pack("<3f", 0, 0.2, 1), 3),
    ],
)
def test_white_is_zero_is_turned_round(
    bits: int, data: bytes, sample_format: int, write_tiff: Writer
) -> None:
    """A deep TIFF whose zero is white is inverted, and one whose zero is black is not."""
    upright = write_tiff(3, data, bits=bits, sample_format=sample_format, photometric=1)
    assert greys(decode(upright)) == [0, 51, 255]

    turned = write_tiff(3, data, bits=bits, sample_format=sample_format, photometric=0)
    assert greys(decode(turned)) == [255, 204, 0]


def test_twelve_bit_grey_has_its_own_white(write_tiff: Writer) -> None:
    """White in a 12-bit TIFF is 4095."""
    path = write_tiff(2, bytes([0xFF, 0xF8, 0x00]), bits=12, sample_format=1, photometric=1)

    assert greys(decode(path)) == [255, 128]


def test_unsigned_grey_of_32_bits_has_its_own_white(write_tiff: Writer) -> None:
    """White is 2^32 - 1, and nothing above 2^31 comes out negative, however dark the picture is."""
    values = [0, 1, 2**31 - 1, 2**31, 0xCDCDCDCD, 2**32 - 1]
    path = write_tiff(6, struct.pack("<6I", *values), bits=32, sample_format=1, photometric=1)
    assert greys(decode(path)) == [0, 0, 127, 128, 205, 255]

    dark = write_tiff(2, struct.pack("<2I", 0, 0x10101010), bits=32, sample_format=1, photometric=1)
    assert greys(decode(dark)) == [0, 16]


MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
"""Of red, green, blue and alpha, in a BMP's 32 bits."""


def bitmap(pixels: list[tuple[int, int, int, int]], tmp_path: Path) -> Path:
    """Return a one-line BMP that names an alpha channel."""
    sizes = struct.pack("<iiHH", len(pixels), 1, 1, 32)
    header = struct.pack("<I", 56) + sizes + struct.pack("<6I4I", 3, 0, 0, 0, 0, 0, *MASKS)
    data = b"".join(bytes((blue, green, red, alpha)) for red, green, blue, alpha in pixels)
    path = tmp_path / "p.bmp"
    path.write_bytes(b"BM" + struct.pack("<3I", 70 + len(data), 0, 70) + header + data)
    return path


def test_a_bitmap_without_any_alpha_is_opaque(tmp_path: Path) -> None:
    """Where no pixel of a BMP would be seen, its fourth bytes were left unset."""
    path = bitmap([(250, 10, 20, 0), (0, 0, 0, 0)], tmp_path)

    assert pixels(decode(path)) == [(250, 10, 20), (0, 0, 0)]


def test_a_bitmap_with_some_alpha_is_composited(tmp_path: Path) -> None:
    """One pixel that shows makes the others transparent."""
    path = bitmap([(250, 10, 20, 255), (0, 0, 0, 0)], tmp_path)

    assert pixels(decode(path)) == [(250, 10, 20), (255, 255, 255)]
