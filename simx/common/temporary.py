"""Temporary files and folders: in the system's place for them, or on the disk of a result."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from simx.common.atomic import make_folder
from simx.common.errors import SystemFailureError
from simx.common.locking import abandoned, locked


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
def filled(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; what it holds in the end is in ``folder``, all of it at once.

    If another process was first, that one's files stay.
    """
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made = Path(name, "made")
        made.mkdir()
        yield made
        with suppress(OSError):
            made.rename(folder)


@contextmanager
def workspace(parent: Path) -> Iterator[Path]:
    """Yield an empty folder for this process only, in a parent that is made where it is missing.

    It is locked while the process works in it. Those that killed processes left are removed.

    Raises:
        OSError: The system refused.
    """
    make_folder(parent)
    for left in abandoned(filter(Path.is_dir, list(parent.iterdir()))):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        with locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
