"""What has arrived of a checkpoint: a hidden file beside the place that is meant for it.

It has a name that nobody takes for a checkpoint, outlives the process, and is gone once the
checkpoint is there or what arrived is of no use. Whether it is anything is for its hash to say;
knows nothing of networks.
"""

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from simx.common.atomic import sync_folder
from simx.common.locking import lock_file

STALE_SECONDS = 7 * 24 * 3600.0
"""How long what arrived is kept for a download that nobody goes on with."""

_SUFFIX = ".partial"


def lock_path(target: Path) -> Path:
    """Return the lock file that a process holds while it fetches this checkpoint."""
    return target.with_name(f"{target.name}.lock")


def partial_path(target: Path) -> Path:
    """Return where a checkpoint's beginning lies while the rest is missing."""
    return target.with_name(f".{target.name}{_SUFFIX}")


def arrived_bytes(target: Path) -> int:
    """Return how many bytes of a checkpoint are already here."""
    try:
        return partial_path(target).stat().st_size
    except OSError:
        return 0


class Partial:
    """An open file that a checkpoint grows in. Whoever has it holds the checkpoint's lock."""

    def __init__(self, target: Path, file: IO[bytes]) -> None:
        self._target = target
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def write(self, chunk: bytes) -> None:
        """Add to its end."""
        self._file.write(chunk)
        self.size += len(chunk)

    def clear(self) -> None:
        """Forget all of it."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def digest(self) -> str:
        """Return the SHA-256 of all that is here, as it lies in the file."""
        self._file.seek(0)
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()  # type: ignore[arg-type] # a BufferedRandom is one
        self._file.seek(0, os.SEEK_END)
        return digest

    def publish(self) -> None:
        """Give it the checkpoint's name, complete and on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        partial_path(self._target).replace(self._target)
        sync_folder(self._target.parent)


@contextlib.contextmanager
def opened_partial(target: Path) -> Iterator[Partial]:
    """Open what has arrived of a checkpoint; afterwards an empty one is gone.

    A link, or a file of several names, is not written through but replaced: in a cache that others
    can write to it could lead anywhere.

    Raises:
        OSError: the disk refuses; nothing is kept then, for it may be full.
    """
    path = partial_path(target)
    try:
        with _opened(path) as file:
            yield Partial(target, file)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        with contextlib.suppress(OSError):
            if path.lstat().st_size == 0:
                path.unlink()


def sweep(folder: Path) -> None:
    """Remove what arrived long ago and nobody goes on with."""
    limit = time.time() - STALE_SECONDS
    for path in folder.glob(f".*{_SUFFIX}"):
        target = path.with_name(path.name.removeprefix(".").removesuffix(_SUFFIX))
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < limit:
                with lock_file(lock_path(target), timeout=0) as is_granted:
                    if is_granted:
                        path.unlink()


def _opened(path: Path) -> IO[bytes]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        if not _is_plain(path.lstat()):
            path.unlink()
    file = os.fdopen(os.open(path, flags, 0o666), "r+b")
    if _is_plain(os.fstat(file.fileno())):
        return file
    file.close()
    raise OSError(f"{path} is no regular file of one name")


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1
