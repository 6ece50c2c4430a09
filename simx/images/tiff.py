"""Kinds of TIFF that Pillow does not read, or reads as other pixels than the file has.

Statements about Pillow hold for release 13; the tags are those of TIFF 6.0.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    EXTRASAMPLES,
    FILLORDER,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    PREFIXES,
    STRIPOFFSETS,
    TILEOFFSETS,
    ImageFileDirectory_v2,
    TiffImageFile,
)

WHITE_IS_ZERO = 0
"""PhotometricInterpretation: black and white change places."""

UNSIGNED = 1
"""SampleFormat, also where the file does not state it."""

_IN_PLANES = 2
_PREMULTIPLIED = 1
_BIG_ENDIAN = b"MM"

_PLAIN_MODES = frozenset({"L", "P", "RGB", "RGBA", "CMYK"})
"""Each of their letters is Pillow's name of the samples in one plane."""

_NEVER_IN_PLANES = frozenset({"LA", "La", "PA", "LAB"})
"""Modes of which libtiff's planes are mixed up."""

_HEADER_BYTES = 8
_BIG_TIFF = b"\x2b"
"""Marks a header of twice as many bytes."""

_STDERR = 2


def is_whole(file: BinaryIO) -> bool:
    """Whether a file is a TIFF that says how large it is, and where its pixels are."""
    file.seek(0)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(tuple(PREFIXES)):
        return False
    if _BIG_TIFF in header[2:4]:
        header += file.read(_HEADER_BYTES)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    has_pixels = STRIPOFFSETS in tags or TILEOFFSETS in tags
    return has_pixels and IMAGEWIDTH in tags and IMAGELENGTH in tags


def is_misread(image: TiffImageFile) -> bool:
    """Whether Pillow reads the samples in another size, order or byte order than the file has."""
    tags = image.tag_v2
    is_in_planes = tags.get(PLANAR_CONFIGURATION) == _IN_PLANES
    is_packed = image.info["compression"] != "raw"
    is_big_endian = tags.prefix == _BIG_ENDIAN
    bits = set(tags.get(BITSPERSAMPLE, (1,)))
    if bits == {32}:
        return is_big_endian and (is_packed or is_in_planes)
    if is_packed:
        is_mixed_up = is_in_planes and image.mode in _NEVER_IN_PLANES
        return is_mixed_up or (is_big_endian and image.mode == "I")
    is_plain = (
        bits == {8}
        and image.mode in _PLAIN_MODES
        and tags.get(PHOTOMETRIC_INTERPRETATION) != WHITE_IS_ZERO
        and tags.get(FILLORDER, 1) == 1
        and _PREMULTIPLIED not in tags.get(EXTRASAMPLES, ())
    )
    return is_in_planes and not is_plain


@contextmanager
def without_stderr() -> Iterator[None]:
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
