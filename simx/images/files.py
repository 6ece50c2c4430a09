"""Opening the file behind a picture: what the system says about it, before anything is decoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

from simx.images.limits import MAX_FILE_BYTES
from simx.inputs import InputKind, InputPath, opened

PICTURE = InputKind(
    label="picture ", mend="name a file that holds a picture", most_bytes=MAX_FILE_BYTES
)


@contextmanager
def opened_picture(path: InputPath) -> Iterator[BufferedReader]:
    """Open a picture's file for reading, and close it in the end.

    Yields:
        The file, unread.

    Raises:
        InputError: The path is absent, unreadable or no regular file, or the file's length is
            outside the limits.
    """
    with opened(path, PICTURE) as file:
        if not file.peek(1):
            raise PICTURE.refused(path, "is empty (0 bytes)")
        yield file
