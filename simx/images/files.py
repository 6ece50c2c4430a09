"""Open a picture's file, with limits on its length and on how it is read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase

from simx.common.input_files import InputKind, InputPath, opened
from simx.images.limits import MAX_FILE_BYTES, MAX_READS

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
