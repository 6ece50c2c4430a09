"""Folders to prepare something in, on the store's own disk, that go when their process does.

A folder is locked for as long as its process works in it. The folder of a killed process is not
locked any more; the next process that prepares something removes it.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simx.common.atomic import STALE_SECONDS, make_folder
from simx.common.locking import try_lock

_JUST_MADE_SECONDS = 10.0
"""Between making a folder and locking it there is a moment."""


@contextmanager
def workspace(parent: Path) -> Iterator[Path]:
    """Yield an empty folder, which only this process uses; it is removed afterwards.

    Args:
        parent: where it is made; also made where it is missing.

    Raises:
        OSError: the system refused.
    """
    make_folder(parent)
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        with locked_folder(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked_folder(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, and say whether it was free.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    for folder in abandoned(parent, STALE_SECONDS):
        remove_abandoned(folder)


def abandoned(parent: Path, older_than_seconds: float = _JUST_MADE_SECONDS) -> list[Path]:
    """Return the folders whose process has ended.

    Args:
        parent: where they were made.
        older_than_seconds: what is younger may not be locked yet.
    """
    limit = time.time() - older_than_seconds
    found = []
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        with contextlib.suppress(OSError):
            if folder.stat(follow_symlinks=False).st_mtime < limit:
                with locked_folder(folder) as is_free:
                    found += [folder] if is_free else []
    return found


def remove_abandoned(folder: Path) -> bool:
    """Remove a folder unless a process works in it, and say whether it is gone."""
    with contextlib.suppress(OSError), locked_folder(folder) as is_free:
        if is_free:
            shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
