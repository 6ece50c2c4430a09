"""Temporary folders on the store's own disk, each locked while its process works in it.

The next process that makes one removes those of killed processes.
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
"""A younger folder may not be locked yet."""


@contextmanager
def workspace(parent: Path) -> Iterator[Path]:
    """Yield an empty folder for this process only, in a parent that is made where it is missing.

    Raises:
        OSError: the system refused.
    """
    make_folder(parent)
    for left in abandoned(parent, STALE_SECONDS):
        remove_abandoned(left)
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


def abandoned(parent: Path, older_than_seconds: float = _JUST_MADE_SECONDS) -> list[Path]:
    """Return the folders in a parent whose process has ended."""
    limit = time.time() - older_than_seconds
    found = []
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        with contextlib.suppress(OSError):
            if folder.stat(follow_symlinks=False).st_mtime < limit:
                with locked_folder(folder) as is_free:
                    if is_free:
                        found.append(folder)
    return found


def remove_abandoned(folder: Path) -> bool:
    """Remove a folder unless a process works in it, and say whether it is gone."""
    with contextlib.suppress(OSError), locked_folder(folder) as is_free:
        if is_free:
            shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
