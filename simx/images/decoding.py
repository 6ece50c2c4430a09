"""A picture's file -> upright, opaque RGB pixels: the ``decode`` stage of a measured pipeline.

Every problem of a file becomes one ``InputError`` that names it.
"""

import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import BinaryIO

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

from simx.common.errors import InputError
from simx.common.input_files import InputPath, shown
from simx.images import png, tiff
from simx.images.colour import as_seen
from simx.images.files import MAX_PIXELS, MAX_SCANS, check_size, check_tile, opened_picture

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF")
"""Pillow's names of the formats read; PPM includes PBM, PGM and PFM."""

# Pillow logs some defects, and Python prints log records that have no handler.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_UNDECODABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged data."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Any of a JPEG but the restart markers. In a scan's data 255 is followed by 0 or one of those."""

_FIRST_WITH_LENGTH, _END, _SCAN = 0xC0, 0xD9, 0xDA
"""From the first on, the two bytes after a marker hold the length of its segment."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.32, tag 274: what turns each stored orientation upright (1 is upright already)."""


def decode(path: InputPath) -> Image.Image:
    """Read a picture as a person sees it.

    That is the first frame or page, turned upright by its EXIF data, with transparency composited
    over white and deep grey scaled to 8 bits. A JPEG whose scan is damaged but complete decodes to
    wrong pixels, because the format has no checksum.

    Args:
        path: the picture's file.

    Returns:
        The pixels, mode RGB, loaded and independent of the file; without metadata, so that they
        cannot be applied twice.

    Raises:
        InputError: the file is absent, unreadable, outside the limits, damaged or no picture.
    """
    name = shown(path)
    with opened_picture(path) as file, _one_line_errors(name):
        try:
            image = _loaded(name, file)
        except ValueError:  # what Pillow raises for a long text, among other things
            shortened = png.without_long_texts(file)
            if shortened is None:
                raise
            image = _loaded(name, shortened)
        try:
            orientation = image.getexif().get(ExifTags.Base.Orientation)
        except _UNDECODABLE:  # damaged EXIF data: viewers show such a picture as it is stored
            orientation = None
        picture = as_seen(image)
    if isinstance(orientation, int) and orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    picture.info = {}
    return picture


def _loaded(name: str, file: BinaryIO) -> Image.Image:
    image = _opened(name, file)
    check_size(name, image.size)
    _check_bombs(name, image, file)
    with tiff.without_stderr() if image.format == "TIFF" else nullcontext():
        image.load()
    if image.format == "PNG" and "transparency" in image.info:
        stated: png.TransparentColour = image.info["transparency"]
        image.info["transparency"] = png.transparent_as_decoded(stated, image.mode, file)
    return image


def _opened(name: str, file: BinaryIO) -> Image.Image:
    """Read what comes before the pixels, and refuse intact files of a kind that is not decoded."""
    unsupported = InputError(
        f"picture {name} is a kind of TIFF that is not supported; save it as a PNG"
    )
    try:
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        if tiff.is_whole(file):
            raise unsupported from None
        raise
    if isinstance(image, TiffImageFile) and tiff.is_misread(image):
        raise unsupported
    return image


def _check_bombs(name: str, image: Image.Image, file: BinaryIO) -> None:
    """Refuse a file that takes far more time or memory to decode than its pixels do."""
    if isinstance(image, JpegImageFile):
        place = file.tell()
        scans = _scans(file)
        file.seek(place)
        if scans > MAX_SCANS:
            allowed = f"more than the {MAX_SCANS} allowed"
            raise InputError(f"picture {name} has {scans:,} scans, {allowed}; save it again")
    elif isinstance(image, TiffImageFile) and TILEWIDTH in image.tag_v2:
        tile = (image.tag_v2[TILEWIDTH], image.tag_v2.get(TILELENGTH, 1))
        check_tile(name, image.size, tile)


def _scans(file: BinaryIO) -> int:
    """Count the scans of a JPEG by its markers (ITU-T T.81, table B.1), without those in segments.

    The data after the end marker belong to no picture.
    """
    file.seek(0)
    data = file.read()
    count, place = 0, 2
    while found := _MARKER.search(data, place):
        place = found.end()
        kind = data[place - 1]
        if kind == _END:
            break
        count += kind == _SCAN
        if kind >= _FIRST_WITH_LENGTH:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return count


@contextmanager
def _one_line_errors(name: str) -> Iterator[None]:
    """Turn Pillow's errors into an ``InputError``; warnings are of unused metadata and of sizes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise InputError(
            f"picture {name} is not a picture that can be read; "
            f"name an intact file in one of these formats: {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"picture {name} has more than the {MAX_PIXELS:,} pixels allowed; scale it down"
        ) from error
    except _UNDECODABLE as error:
        reason = shown(str(error)) if str(error) else type(error).__name__
        raise InputError(
            f"picture {name} cannot be decoded ({reason}); replace it with an intact file"
        ) from error
