"""How large a picture may be.

All checks use the file's length or header only, so that a picture is refused before memory is spent
on its pixels. Opens no file. The limit after a preset's resize is checked in ``preprocessing``.
"""

from simx.common.errors import InputError

MAX_PIXELS = 2**26
"""Width times height: 67 megapixels, above a full-frame camera's 61; 256 MiB at Pillow's 4 bytes.

A compressed file of 10 kB can claim far more. Pillow's own limit is 179 megapixels, and it warns
from 89 on.
"""

MAX_FILE_BYTES = 2**28
"""256 MiB: an uncompressed picture of ``MAX_PIXELS`` with four 8-bit channels."""

MAX_ASPECT_RATIO = 50
"""Long side over short side. Beyond it a centre crop shows less than a fiftieth of the picture.

With ``MAX_PIXELS`` it also keeps both sides below 57,927, within the 65,500 a JPEG can have.
"""

MAX_RESIZED_PIXELS = 2**24
"""Pixels after a preset's resize, before its centre crop: 64 MiB at Pillow's 4 bytes."""

MAX_READS = 2**20
"""How often a decoder may read from one file.

A picture with ``MAX_PIXELS`` takes some hundred thousand reads. A file full of padding would take
minutes to hours.
"""

MAX_SCANS = 100
"""Most scans of a JPEG; libtiff has the same limit. A progressive JPEG has about ten. Each takes as
long as a whole baseline JPEG, however few bytes it has."""

_SPARE_TILE = 4
"""A tile may have this many times the pixels of its picture, or ``_ANY_TILE_PIXELS``."""

_ANY_TILE_PIXELS = 2**22


def check_size(name: str, size: tuple[int, int]) -> None:
    """Refuse a picture with too many pixels, or far longer than wide.

    Args:
        name: The picture's path as the user typed it.
        size: Width and height in pixels.

    Raises:
        InputError: More than ``MAX_PIXELS``, or beyond ``MAX_ASPECT_RATIO``.
    """
    width, height = size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"picture {name} is {width}x{height}, more than the {MAX_PIXELS:,} pixels allowed; "
            "scale it down"
        )
    if max(size) > MAX_ASPECT_RATIO * min(size):
        raise InputError(
            f"picture {name} is {width}x{height}, beyond the aspect ratio of "
            f"{MAX_ASPECT_RATIO}:1 allowed; crop it"
        )


def check_scans(name: str, count: int) -> None:
    """Refuse a JPEG with too many scans, each of which is decoded separately.

    Raises:
        InputError: More than ``MAX_SCANS``.
    """
    if count > MAX_SCANS:
        raise InputError(
            f"picture {name} has {count:,} scans, more than the {MAX_SCANS} allowed; save it again"
        )


def check_tile(name: str, size: tuple[int, int], tile: tuple[int, int]) -> None:
    """Refuse a TIFF whose tiles are far larger than its picture.

    Args:
        name: The picture's path as the user typed it.
        size: Width and height in pixels.
        tile: A tile's width and height in pixels.

    Raises:
        InputError: A tile has more than four times the picture's pixels and more than 2^22.
    """
    if tile[0] * tile[1] > max(_SPARE_TILE * size[0] * size[1], _ANY_TILE_PIXELS):
        raise InputError(
            f"picture {name} is {size[0]}x{size[1]} in tiles of {tile[0]}x{tile[1]}; save it again"
        )
