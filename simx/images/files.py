"""Opening the file behind a picture: what the system says about it, before anything is decoded."""

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
"""Up to here it costs less to have a little memory too many than to ask for a file's length."""


class _BoundedReader(BufferedReader):
    """Spends no more memory and time than a picture's length is worth, whatever is in it.

    Decoders believe the lengths that a file states and ask for as much memory at once, and they
    walk through padding and empty blocks one by one.
    """

    def __init__(self, raw: RawIOBase) -> None:
        super().__init__(raw)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, or what is left.

        Raises:
            OSError: it was asked too often.
        """
        self._reads += 1
        if self._reads > MAX_READS:
            raise OSError("it consists of more parts than a picture has")
        if size is not None and size > _LARGE_BYTES:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


@contextmanager
def opened_picture(path: InputPath) -> Iterator[BufferedReader]:
    """Open a picture's file for reading, and close it in the end.

    Yields:
        The file, unread.

    Raises:
        InputError: The path is absent, unreadable or no regular file, or the file's length is
            outside the limits.
    """
    with opened(path, PICTURE, _BoundedReader) as file:
        if not file.peek(1):
            raise PICTURE.refused(path, "is empty (0 bytes)")
        yield file
