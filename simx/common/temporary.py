"""Temporary files and folders, where TMPDIR says or in the system's own folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from simx.common.errors import SystemFailureError


def temporary_file() -> IO[bytes]:
    """Return an open file without a name.

    Raises:
        SystemFailureError: There is no folder for it.
    """
    with _refusal():
        return tempfile.TemporaryFile()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder, yield it, and remove it and its content afterwards.

    Raises:
        SystemFailureError: There is no folder for it.
    """
    with _refusal():
        folder = tempfile.TemporaryDirectory(prefix="simx-")
    with folder as name:
        yield Path(name)


@contextmanager
def _refusal() -> Iterator[None]:
    try:
        yield
    # A full disk is another error, and so is the end of a permitted number of open files.
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise SystemFailureError(
            f"temporary files cannot be written ({error.strerror}); set TMPDIR to a folder that "
            "you may write to, with room in it"
        ) from None
