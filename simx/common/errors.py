"""The errors of simx, with their exit codes. Any other error is a bug."""

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command."""

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
    """A signal asks the process to end; raised at the current place, so that it cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SimxError(Exception):
    """An error that a user can correct, shown as one line without a traceback."""

    exit_code: ExitCode = ExitCode.BUG


class InputError(SimxError):
    """A usage error, or a named input that is missing, unreadable or invalid."""

    exit_code = ExitCode.USAGE


class ProviderUnavailableError(SimxError):
    """The requested execution provider cannot be used on this machine or with this install."""

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
"""The errors of a full, failing or read-only disk, and of too many open files."""


def disk_failure(error: BaseException | None) -> OSError | None:
    """Return the disk failure that an error is or was caused by; None without one."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK:
            return error
        error = error.__cause__ or error.__context__
    return None
