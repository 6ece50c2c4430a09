"""Writes a file so that a reader sees the old content or the new, never a part of either.

Knows nothing of what it writes.
"""

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from simx.common.errors import SystemFailureError
from simx.common.locking import try_lock

_TEMPORARY = re.compile(r"\.simx-[0-9a-f]{16}\.tmp")

STALE_SECONDS = 3600.0
"""How old what an ended process left must be before it is removed: what has just been made may not
be locked yet, and some file systems have no locks."""


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of a file, whole or not at all, and see it onto the disk.

    The bytes go to a temporary file in the same folder, which is synced and then renamed over the
    target; the folder is synced last, so that the rename survives a power cut too. A symbolic link
    is followed. A target that is no regular file (a pipe, ``/dev/null``) is written to as it is,
    since renaming over it would take the device away. Temporary files of processes that were killed
    are removed.

    Args:
        path: The target; its folder must exist. A new file is readable as the umask allows, one
            that was there stays as private as it was.
        data: All of the new content.

    Raises:
        SystemFailureError: The system refused; the target is as it was and no temporary file stays.
    """
    try:
        mode = _mode(path)
        if mode is None or stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            _replace(path.resolve(), data, mode)
        else:
            path.write_bytes(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemFailureError(
            f"cannot write {path}: {reason}; make room or choose another place and try again"
        ) from error


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file, in a folder that nobody else looks into yet, and see it onto the disk.

    Raises:
        OSError: The system refused.
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See the names in a folder (a file just made or renamed) onto the disk.

    Raises:
        OSError: The system refused.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that lack, and see their names onto the disk.

    Raises:
        OSError: The system refused, or something that is no folder has the name.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    _sweep(path.parent)
    temporary = path.with_name(f".simx-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            try_lock(file.fileno())
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        # What made it fail is told, and not that the disk does not let go of the rest either.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _sweep(folder: Path) -> None:
    """Remove temporary files whose process was killed; those of a living one are locked."""
    with contextlib.suppress(OSError):
        for path in _stale(folder):
            with contextlib.suppress(OSError), path.open("rb") as file:
                if try_lock(file.fileno()):
                    path.unlink(missing_ok=True)


def _stale(folder: Path) -> Iterator[Path]:
    limit = time.time() - STALE_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        yield Path(entry.path)
