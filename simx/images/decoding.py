"""A picture's file -> upright, opaque RGB pixels: the ``decode`` stage of a measured pipeline.

Every problem of a file becomes one ``InputError`` that names it.
"""

import logging
import os
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
from simx.images.colour import as_seen
from simx.images.files import opened_picture
from simx.images.limits import MAX_PIXELS, MAX_SCANS, check_size, check_tile

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

_TransparentColour = int | tuple[int, ...] | bytes
"""A grey value or palette entry; red, green and blue; or an alpha value for each palette entry."""

_START_OF_SCAN = b"\xff\xda"
"""ITU-T T.81: within a scan's own data a byte of 255 is never followed by this one."""

_PNG_BIT_DEPTH_AT = 24
"""Offset of the bit depth in a PNG, after signature, length, ``IHDR``, width and height."""

_STDERR = 2


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
        image = Image.open(file, formats=FORMATS)
        check_size(name, image.size)
        _check_bombs(name, image, file)
        with _without_stderr() if image.format == "TIFF" else nullcontext():
            image.load()
        if image.format == "PNG" and "transparency" in image.info:
            stated: _TransparentColour = image.info["transparency"]
            image.info["transparency"] = _transparent_as_decoded(stated, image.mode, file)
        turn = _turn(image)
        picture = as_seen(image)
    if turn is not None:
        picture = picture.transpose(turn)
    picture.info = {}
    return picture


def _check_bombs(name: str, image: Image.Image, file: BinaryIO) -> None:
    """Refuse a file that takes far more time or memory to decode than its pixels do."""
    if isinstance(image, JpegImageFile):
        place = file.tell()
        file.seek(0)
        scans = file.read().count(_START_OF_SCAN)  # those of embedded thumbnails too
        file.seek(place)
        if scans > MAX_SCANS:
            allowed = f"more than the {MAX_SCANS} allowed"
            raise InputError(f"picture {name} has {scans:,} scans, {allowed}; save it again")
    elif isinstance(image, TiffImageFile) and TILEWIDTH in image.tag_v2:
        tile = (image.tag_v2[TILEWIDTH], image.tag_v2.get(TILELENGTH, 1))
        check_tile(name, image.size, tile)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Discard what the process writes to stderr: libtiff writes each defect there."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # the process has no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _one_line_errors(name: str) -> Iterator[None]:
    """Turn Pillow's errors about a bad file into an ``InputError``, and ignore its warnings.

    They are about metadata, which are not used, and about sizes, which ``limits`` checks.
    """
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


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return what turns the image upright; None if it is upright or says nothing."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except _UNDECODABLE:  # damaged EXIF data: viewers show such a picture as it is stored
        return None
    return _UPRIGHT.get(orientation) if isinstance(orientation, int) else None


def _transparent_as_decoded(
    colour: _TransparentColour, mode: str, file: BinaryIO
) -> _TransparentColour:
    """Scale a PNG's transparent colour from the file's bit depth, as Pillow scales the pixels.

    Pillow scales grey of 2 and 4 bits up to 8, and colours of 16 bits down to 8.
    """
    file.seek(_PNG_BIT_DEPTH_AT)
    depth = file.read(1)[0]
    if isinstance(colour, tuple):
        return tuple(value >> (depth - 8) for value in colour)
    if isinstance(colour, int) and mode == "L":
        return colour * 255 // ((1 << depth) - 1)
    return colour
