"""Writes a file so that a reader sees the old content or the new, never a part of either."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from simx.common.errors import SystemFailureError
from simx.common.locking import abandoned, try_lock

_TEMPORARY = f".simx-{'[0-9a-f]' * 16}.tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of a file completely or not at all, and sync it to the disk.

    A temporary file in the same folder is synced and renamed over the target, and the folder is
    synced, so that the rename survives a power cut. A symbolic link is followed. A target that is
    not a regular file (a pipe, ``/dev/null``) is written to directly, because a rename would
    replace the device. Temporary files of killed processes are removed.

    Args:
        path: The target; its folder must exist. A new file has the permissions of the umask, an
            existing one keeps its own.
        data: The whole new content.

    Raises:
        SystemFailureError: The system refused; the target is unchanged and no temporary file stays.
    """
    mode = None
    try:
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode
        if mode is None or stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            _replace(path.resolve(), data, mode)
        else:
            path.write_bytes(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemFailureError(
            f"cannot write {path}: {reason}; make room or choose another place and try again"
        ) from error


def write_synced(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a new file, and sync it to the disk. It is locked while it is written.

    Args:
        path: The file, which no other process reads yet.
        data: Its content.
        mode: Its permissions; None for those of the umask.

    Raises:
        OSError: The system refused.
    """
    with path.open("xb") as file:
        try_lock(file.fileno())
        if mode is not None:
            os.fchmod(file.fileno(), stat.S_IMODE(mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder (of files just made or renamed) to the disk.

    Raises:
        OSError: The system refused.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, and sync their names to the disk.

    Raises:
        OSError: The system refused, or the name is taken by something else.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    _sweep(path.parent)
    temporary = path.with_name(f".simx-{secrets.token_hex(8)}.tmp")
    try:
        write_synced(temporary, data, mode)
        temporary.replace(path)
    except BaseException:
        # The first error is reported, also if the temporary file cannot be removed.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _sweep(folder: Path) -> None:
    """Remove temporary files of killed processes; those of running processes are locked."""
    with contextlib.suppress(OSError):
        for path in abandoned(filter(Path.is_file, folder.glob(_TEMPORARY))):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
