"""Opening the file behind a picture: what the system says about it, before anything is decoded.

Knows paths and descriptors, and nothing of what is inside a file.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

from simx.errors import InputError
from simx.images.limits import check_bytes

PicturePath = str | os.PathLike[str]
"""A picture's path; messages repeat it exactly as it was given."""


def shown(path: PicturePath) -> str:
    """Return a path as the user typed it, escaped where it would not print as part of one line."""
    text = os.fspath(path)
    return text if text and text.isprintable() else repr(text)


@contextmanager
def opened(path: PicturePath) -> Iterator[BufferedReader]:
    """Open a picture's file for reading, and close it in the end.

    What kind of file it is, and how long, is asked of the opened descriptor, so that nothing can
    take its place in between; a pipe without a writer is refused and not waited for.

    Args:
        path: The picture.

    Yields:
        The file, unread.

    Raises:
        InputError: The path is absent, unreadable or no regular file, or the file's length is
            outside the limits.
    """
    name = shown(path)
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed by `with` below
    except FileNotFoundError as error:
        raise InputError(f"picture {name} does not exist; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"picture {name} is a directory; name a file in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"picture {name} cannot be opened ({reason}); name a file that can be read"
        ) from error
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                f"picture {name} is a pipe, socket or device; save the picture to a file first"
            )
        check_bytes(name, status.st_size)
        yield file


def _without_waiting(path: str, flags: int) -> int:
    """Open like the system's ``open``, but never wait for a pipe's other end (where it would)."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
