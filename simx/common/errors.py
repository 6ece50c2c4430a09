"""Every error a user can meet, with its exit code.

Nothing here knows any other room. A ``SimxError`` is shown as one line on stderr, without a
traceback; anything that is not a ``SimxError`` is a bug in simx and ends with ``ExitCode.BUG``.
"""

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    DONE = 0
    BUG = 1
    USAGE = 2
    CELLS_FAILED = 3
    PROVIDER_UNAVAILABLE = 4
    SYSTEM = 5
    REGRESSION = 6
    INCONCLUSIVE = 7
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class Terminated(BaseException):
    """A signal asked the process to end; raised where it came, so that nothing is left behind."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SimxError(Exception):
    """Something a user can act on.

    The message is one line that names the thing, says what is wrong with it and what to do next.
    """

    exit_code: ExitCode = ExitCode.BUG


class InputError(SimxError):
    """A usage error, or a named input that is absent, unreadable or not what it should be."""

    exit_code = ExitCode.USAGE


class ProviderUnavailableError(SimxError):
    """The execution provider that was asked for cannot be used on this machine or install."""

    exit_code = ExitCode.PROVIDER_UNAVAILABLE


class SystemFailureError(SimxError):
    """The system failed on simx's own files: store, journal or report."""

    exit_code = ExitCode.SYSTEM


_DISK = {
    errno.EDQUOT,
    errno.EFBIG,
    errno.EINTR,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOSPC,
    errno.EROFS,
}
"""What a full, failing or read-only disk answers, and a process that may open no more files."""


def disk_failure(error: BaseException | None) -> OSError | None:
    """Return the failure of a disk that an error is, or was raised because of; None without one."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK:
            return error
        error = error.__cause__ or error.__context__
    return None
