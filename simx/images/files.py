"""Open a picture's file, within limits: checked before memory is spent on its pixels."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase

from simx.common.errors import InputError
from simx.common.input_files import InputKind, InputPath, opened

MAX_PIXELS = 2**26
"""67 megapixels: a full-frame camera has 61, and a compressed file of 10 kB can claim far more."""

MAX_FILE_BYTES = 2**28
"""256 MiB: an uncompressed picture of ``MAX_PIXELS`` with four 8-bit channels."""

MAX_ASPECT_RATIO = 50
"""Long side over short side; with ``MAX_PIXELS`` it keeps both within the 65,500 of a JPEG."""

MAX_RESIZED_PIXELS = 2**24
"""Pixels after a preset's resize, before its centre crop: 64 MiB at Pillow's 4 bytes."""

MAX_READS = 2**20
"""Reads from one file: ``MAX_PIXELS`` take some 100,000, a file of padding takes hours."""

MAX_SCANS = 100
"""Most scans of a JPEG, as in libtiff; usual are ten, and each takes as long as a baseline JPEG."""

_SPARE_TILE = 4
"""A tile may have this many times the pixels of its picture, or ``_ANY_TILE_PIXELS``."""

_ANY_TILE_PIXELS = 2**22

PICTURE = InputKind(
    label="picture ", mend="name a file that holds a picture", most_bytes=MAX_FILE_BYTES
)

_LARGE_BYTES = 2**16
"""Reads up to this size are not compared with the file's length, which takes a system call."""


class _BoundedReader(BufferedReader):
    """Limits the cost of a file: decoders allocate what it claims, and read padding in parts."""

    def __init__(self, raw: RawIOBase) -> None:
        super().__init__(raw)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, or those that are left.

        Raises:
            OSError: more than ``MAX_READS`` calls.
        """
        self._reads += 1
        if self._reads > MAX_READS:
            raise OSError("it consists of more parts than a picture has")
        if size is not None and size > _LARGE_BYTES:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


@contextmanager
def opened_picture(path: InputPath) -> Iterator[BufferedReader]:
    """Open a picture's file, unread, and close it in the end.

    Raises:
        InputError: the path is absent, unreadable or no regular file, or the file is empty or too
            long.
    """
    with opened(path, PICTURE, _BoundedReader) as file:
        if not file.peek(1):
            raise PICTURE.refused(path, "is empty (0 bytes)")
        yield file


def check_size(name: str, size: tuple[int, int]) -> None:
    """Refuse a picture by its width and height in pixels; ``name`` is its path for the message.

    Raises:
        InputError: more than ``MAX_PIXELS``, or beyond ``MAX_ASPECT_RATIO``.
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


def check_tile(name: str, size: tuple[int, int], tile: tuple[int, int]) -> None:
    """Refuse a TIFF whose tiles are far larger than its picture; sizes are width and height.

    Raises:
        InputError: a tile has more than four times the picture's pixels and more than 2^22.
    """
    if tile[0] * tile[1] > max(_SPARE_TILE * size[0] * size[1], _ANY_TILE_PIXELS):
        raise InputError(
            f"picture {name} is {size[0]}x{size[1]} in tiles of {tile[0]}x{tile[1]}; save it again"
        )
