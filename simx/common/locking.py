"""Locks on open files and folders, and on lock files.

The system releases a lock when its process ends. A file system without locks grants each lock.
"""

import errno
import fcntl
import math
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_POLL_SECONDS = 0.1

STALE_SECONDS = 3600.0
"""Age at which the temporary files and folders of an ended process are removed. Newer ones may not
be locked yet, and some file systems have no locks."""


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file or folder until it is closed, without waiting; return whether it worked.

    Args:
        descriptor: The file's. Another descriptor of the same file counts as another holder, in
            this process too.
        shared: Allow other shared holders.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Lock an existing file or folder, without waiting, and yield whether it worked.

    Raises:
        OSError: It cannot be opened, or is a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield try_lock(descriptor, shared=shared)
    finally:
        os.close(descriptor)


def abandoned(paths: Iterable[Path], older_than_seconds: float = STALE_SECONDS) -> Iterator[Path]:
    """Yield the files and folders whose process has ended, each locked until the next one."""
    limit = time.time() - older_than_seconds
    for path in paths:
        with suppress(OSError):
            if path.lstat().st_mtime < limit:
                with locked(path) as is_free:
                    if is_free:
                        yield path


@contextmanager
def lock_file(
    path: Path, *, timeout: float = math.inf, on_wait: Callable[[], None] = lambda: None
) -> Iterator[bool]:
    """Hold the exclusive lock on a lock file, and yield whether it was granted in time.

    The file is made if missing, and stays. Nothing is written into it and no link is followed, so
    another user's link is harmless.

    Args:
        path: The lock file.
        timeout: Seconds to wait for another holder; 0 only tries.
        on_wait: Called once before waiting.

    Raises:
        OSError: The file cannot be opened, or is a link or no regular file.
    """
    deadline = time.monotonic() + timeout
    descriptor = _try_lock_file(path)
    if descriptor is None and timeout:
        on_wait()
    while descriptor is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        descriptor = _try_lock_file(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _try_lock_file(path: Path) -> int | None:
    """Return the descriptor that holds the lock; None if another holder has it."""
    with ExitStack() as stack:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        stack.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise OSError(errno.EINVAL, "is not a regular file with one name", str(path))
        # A file without a name was just removed by the previous holder.
        if try_lock(descriptor) and os.fstat(descriptor).st_nlink:
            stack.pop_all()
            return descriptor
    return None
