"""Writes a file so that a reader sees the old content or the new, never a part of either.

Knows nothing of what it writes.
"""

import os
import secrets
import stat
from pathlib import Path

from simx.errors import SystemFailureError


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of a file, whole or not at all, and see it onto the disk.

    The bytes go to a temporary file in the same folder, which is synced and then renamed over the
    target; the folder is synced last, so that the rename survives a power cut too. A symbolic link
    is followed. A target that is no regular file (a pipe, ``/dev/null``) is written to as it is,
    since renaming over it would take the device away.

    Args:
        path: The target; its folder must exist. A new file is readable as the umask allows.
        data: All of the new content.

    Raises:
        SystemFailureError: The system refused; the target is as it was and no temporary file stays.
    """
    try:
        if _is_special(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemFailureError(
            f"cannot write {path}: {reason}; make room or choose another place and try again"
        ) from error


def sync_folder(folder: Path) -> None:
    """See the names in a folder (a file just made or renamed) onto the disk.

    Raises:
        OSError: The system refused.
    """
    # Windows cannot open a folder; the rename itself is as durable as it gets there.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".simx-{secrets.token_hex(8)}.tmp")
    try:
        _write_synced(temporary, data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
