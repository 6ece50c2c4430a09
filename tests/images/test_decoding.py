"""A picture's file -> upright, opaque RGB."""

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from simx.common.errors import InputError
from simx.images.decoding import decode

Writer = Callable[..., Path]

CORNERS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
"""Top left, top right, bottom left, bottom right of the scene."""

STORED = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (3, 2, 1, 0),
    4: (2, 3, 0, 1),
    5: (0, 2, 1, 3),
    6: (1, 3, 0, 2),
    7: (3, 1, 2, 0),
    8: (2, 0, 3, 1),
}
"""For each EXIF orientation: which corner of the scene is stored at each corner of the file.

From EXIF 2.32, where the tag says which side of the scene row 0 and column 0 are: 6 is "row 0 is
the right-hand side, column 0 the top", so the stored top left is the scene's top right.
"""


def scene(order: tuple[int, ...], size: tuple[int, int]) -> Image.Image:
    """Return a picture of four plain quarters, in the given order."""
    half = (size[0] // 2, size[1] // 2)
    image = Image.new("RGB", size)
    for corner, colour in enumerate(order):
        left, top = (corner % 2) * half[0], (corner // 2) * half[1]
        image.paste(CORNERS[colour], (left, top, left + half[0], top + half[1]))
    return image


def quarters(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colour at the middle of each quarter."""
    array = np.asarray(image)
    height, width, _ = array.shape
    places = [(1, 1), (1, 3), (3, 1), (3, 3)]
    return [tuple(array[y * height // 4, x * width // 4].tolist()) for y, x in places]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture's file as bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PLAIN = scene((0, 1, 2, 3), (32, 16))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "MPO"])
def test_every_format_is_read_whatever_the_file_is_called(kind: str, tmp_path: Path) -> None:
    """Each supported format decodes to RGB by its content, not by its name."""
    path = tmp_path / "picture.dat"
    path.write_bytes(encoded(PLAIN, kind))

    picture = decode(path)

    assert (picture.mode, picture.size) == ("RGB", (32, 16))
    assert np.allclose(quarters(picture), CORNERS, atol=12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "MPO"])
def test_data_behind_a_picture_do_not_matter(kind: str, tmp_path: Path) -> None:
    """A picture that is followed by a megabyte of other data, as motion photos are, is itself."""
    alone = encoded(PLAIN, kind)
    path = tmp_path / "p"
    path.write_bytes(alone)
    expected = np.asarray(decode(path))
    path.write_bytes(alone + Random(0).randbytes(2**20) + b"\xff\xda" * 1000 + alone)

    assert np.array_equal(np.asarray(decode(path)), expected)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_exif_orientation_is_applied_once(
    kind: str, options: dict[str, object], orientation: int, tmp_path: Path
) -> None:
    """However the camera was held, the picture comes out upright."""
    size = (16, 32) if orientation >= 5 else (32, 16)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / "turned"
    path.write_bytes(encoded(scene(STORED[orientation], size), kind, exif=exif, **options))

    picture = decode(path)

    assert picture.size == (32, 16)
    assert np.allclose(quarters(picture), CORNERS, atol=12)
    assert ExifTags.Base.Orientation not in picture.getexif() or orientation == 1


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_unknown_orientation_changes_nothing(value: int, tmp_path: Path) -> None:
    """An orientation the standard does not define is taken for upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    path = tmp_path / "p.png"
    path.write_bytes(encoded(PLAIN, "PNG", exif=exif))

    assert np.array_equal(np.asarray(decode(path)), np.asarray(PLAIN))


def test_damaged_exif_data_do_not_spoil_the_picture(tmp_path: Path) -> None:
    """A picture whose EXIF block is rubbish is shown as it is stored."""
    path = tmp_path / "p.png"
    path.write_bytes(encoded(PLAIN, "PNG", exif=b"Exif\0\0rubbish rubbish rubbish"))

    assert np.array_equal(np.asarray(decode(path)), np.asarray(PLAIN))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_the_first_frame_or_page_is_read(kind: str, tmp_path: Path) -> None:
    """Of an animation or a multi-page file the first picture counts."""
    first, second = Image.new("RGB", (32, 16), "red"), Image.new("RGB", (32, 16), "blue")
    path = tmp_path / "several"
    path.write_bytes(encoded(first, kind, save_all=True, append_images=[second]))

    assert np.allclose(quarters(decode(path)), [(255, 0, 0)] * 4, atol=3)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_keeps_its_colours(kind: str, tmp_path: Path) -> None:
    """A CMYK file, inverted as Adobe's JPEGs are or not, comes out in its colours."""
    path = tmp_path / "p"
    path.write_bytes(encoded(PLAIN.convert("CMYK"), kind))

    assert np.allclose(quarters(decode(path)), CORNERS, atol=12)


@pytest.mark.parametrize(("mode", "tolerance"), [("LAB", 25), ("YCbCr", 3)])
def test_tiff_colour_spaces_keep_their_colours(mode: str, tolerance: int, tmp_path: Path) -> None:
    """A TIFF in LAB or YCbCr comes out in its colours."""
    path = tmp_path / "p.tiff"
    path.write_bytes(encoded(PLAIN.convert(mode), "TIFF", compression="tiff_lzw"))

    assert np.allclose(quarters(decode(path)), CORNERS, atol=tolerance)


def test_an_ordinary_jpeg_has_pillows_pixels(tmp_path: Path) -> None:
    """Nothing is done to a picture that needs nothing done."""
    path = tmp_path / "p.jpg"
    path.write_bytes(encoded(PLAIN, "JPEG"))

    with Image.open(path) as image:
        assert np.array_equal(np.asarray(decode(path)), np.asarray(image))


def test_metadata_are_left_behind(tmp_path: Path) -> None:
    """The result carries no comment, resolution or profile into whatever is made of it."""
    path = tmp_path / "p.jpg"
    path.write_bytes(encoded(PLAIN, "JPEG", comment=b"secret", dpi=(300, 300)))

    assert decode(path).info == {}


HEADERS = {
    "BMP": b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHH", 40, 8192, 8193, 1, 24)
    + bytes(24),
    "PPM": b"P6 8192 8193 255\n",
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 8192, 8193, 0, 0, 0)
    + b"," + struct.pack("<HHHHB", 0, 0, 8192, 8193, 0) + b"\x02",
}  # fmt: skip
"""Files that end where the pixels should begin."""


@pytest.mark.parametrize("kind", HEADERS)
def test_pixels_are_limited_before_they_are_decoded(kind: str, tmp_path: Path) -> None:
    """A file without any pixels is refused for their number, so none were looked for."""
    path = tmp_path / "huge"
    path.write_bytes(HEADERS[kind])

    with pytest.raises(InputError, match="8192x8193, more than the 67,108,864 pixels allowed"):
        decode(path)


@pytest.mark.parametrize("size", [(9000, 9000), (12000, 12000), (30000, 30000), (2**31 - 1, 1)])
def test_a_small_file_that_claims_many_pixels_is_refused(
    size: tuple[int, int], write_png: Writer
) -> None:
    """Below, between and above Pillow's own limits the answer is the same, and no warning."""
    path = write_png(size, 8, 2, [])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="more than the 67,108,864 pixels allowed"):
            decode(path)


def test_an_extreme_aspect_ratio_is_refused(write_png: Writer) -> None:
    """A line of pixels is refused from its header alone."""
    with pytest.raises(InputError, match="3000x1, beyond the aspect ratio"):
        decode(write_png((3000, 1), 8, 2, []))


JPEG = encoded(PLAIN, "JPEG")
BAD = {
    "text": (b"this is no picture at all", "is not a picture"),
    "html": (b"<!DOCTYPE html><html></html>", "is not a picture"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is not a picture"),
    "zeros": (bytes(4096), "is not a picture"),
    "unsupported format": (encoded(PLAIN, "ICO"), "is not a picture"),
    "one byte": (b"\xff", "is not a picture"),
    "header only": (JPEG[:12], "cannot be decoded"),
    "no scan": (JPEG[: JPEG.index(b"\xff\xda")], "intact file"),
    "half a scan": (JPEG[: JPEG.index(b"\xff\xda") + 20], "cannot be decoded"),
    "half a GIF": (encoded(PLAIN, "GIF")[:-60], "cannot be decoded"),
    "half a PNG": (encoded(PLAIN, "PNG")[:60], "cannot be decoded"),
    "half a BMP": (encoded(PLAIN, "BMP")[:200], "cannot be decoded"),
    "half a PPM": (encoded(PLAIN, "PPM")[:200], "cannot be decoded"),
    "half a WebP": (encoded(PLAIN, "WEBP")[:-40], "cannot be decoded"),
    "half a TIFF": (encoded(PLAIN, "TIFF")[:-200], "cannot be decoded"),
    "nonsense in a PPM": (b"P3 1 1 255\nred green blue\n", "cannot be decoded"),
    "too long a number": (b"P6 99999999999999999999 1 255\n", "cannot be decoded"),
    "NaN in a PFM": (b"Pf 2 1 -1.0\n" + struct.pack("<2f", 0.5, float("nan")), "not all finite"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_line_that_names_it(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the content, the message is one line with the path as typed."""
    content, words = BAD[what]
    (tmp_path / "bad.jpg").write_bytes(content)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError) as caught:
        decode("./bad.jpg")

    message = str(caught.value)
    assert message.startswith("picture ./bad.jpg ")
    assert words in message
    assert message.isprintable()


def test_pixels_damaged_inside_a_png_are_noticed(tmp_path: Path) -> None:
    """A PNG's checksums are looked at: one flipped bit among the pixels is an error."""
    content = bytearray(encoded(PLAIN, "PNG"))
    content[content.index(b"IDAT") + 12] ^= 1
    path = tmp_path / "p.png"
    path.write_bytes(content)

    with pytest.raises(InputError, match="cannot be decoded"):
        decode(path)


SEEDS = [
    encoded(PLAIN, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"),
    encoded(PLAIN.convert("CMYK"), "JPEG"),
    encoded(PLAIN, "PNG"),
    encoded(PLAIN.convert("P"), "PNG", transparency=3),
    encoded(PLAIN, "GIF"),
    encoded(PLAIN, "BMP"),
    encoded(PLAIN, "PPM"),
    encoded(PLAIN.convert("RGBA"), "WEBP"),
    encoded(PLAIN, "TIFF"),
    encoded(PLAIN.convert("F"), "TIFF"),
]


def _outcome(path: Path) -> str:
    try:
        return decode(path).mode
    except InputError as error:
        return "refused in one line" if str(error).isprintable() else str(error)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    st.integers(0, 2000),
)
def test_any_damage_ends_in_a_picture_or_in_one_line(
    tmp_path: Path, content: bytes, damage: list[tuple[int, int]], cut: int
) -> None:
    """However a file is damaged, it decodes to RGB or is refused as an input: nothing else."""
    damaged = bytearray(content)
    for place, value in damage:
        damaged[place % len(damaged)] = value
    path = tmp_path / "damaged"
    path.write_bytes(damaged[: len(damaged) - cut % 3 * (cut // 3)] or b"x")

    assert _outcome(path) in ("RGB", "refused in one line")
