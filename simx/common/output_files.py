"""Decides whether a file may be written, before any work begins. Every output is checked here."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from simx.common.errors import InputError
from simx.common.input_files import InputPath, refuse_url, shown

STDOUT = Path("/dev/stdout")
"""What ``-`` means for an output."""


def require_unread(output: Path, reads: Iterable[InputPath]) -> None:
    """Refuse an output that is one of the files that the command reads.

    Files are compared by identity: links and other spellings of a path count.

    Args:
        output: The file to write.
        reads: Files, and folders whose files are read.

    Raises:
        InputError: The output is one of them.
    """
    if os.path.isfile(output) and any(_is_in(output, each) for each in reads):  # noqa: PTH113 - raises nothing
        raise InputError(
            f"{shown(output)}: this command reads that file, so it cannot be the output; "
            "name another file"
        )


def has_content(output: Path, reads: Iterable[InputPath]) -> bool:
    """Refuse an output that cannot be written or is read; return whether it has content to lose.

    A file without write permission is refused, although its folder may allow to replace it.

    Args:
        output: The file to write.
        reads: As for ``require_unread``.

    Returns:
        Whether the output is a regular file that is not empty.

    Raises:
        InputError: The output is a folder, read-only, in a missing folder, a URL, or read.
    """
    if not output.name:
        raise InputError("--output is empty; name a file")
    refuse_url(output, "", "name a file")
    try:
        status = output.stat()
    except FileNotFoundError:
        folder = output.resolve().parent  # of a link's target, which will be written
        if not folder.is_dir():
            name = shown(output.parent if output.parent.resolve() == folder else folder)
            raise InputError(
                f"{shown(output)}: there is no folder {name}; create it first"
            ) from None
        return False
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{shown(output)}: cannot be written ({reason}); name a file") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{shown(output)}: is a folder; name a file")
    require_unread(output, reads)
    if not status.st_mode & 0o222 or not os.access(output, os.W_OK):
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise InputError(
            f"{shown(output)}: is read-only (mode {mode}); make it writable or name another file"
        )
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _is_in(output: Path, read: InputPath) -> bool:
    """Whether a file is another one, or lies in a folder."""
    with suppress(OSError, ValueError):  # of a file that is missing
        if os.path.isdir(read):  # noqa: PTH112 - a path of any type
            return output.resolve().is_relative_to(Path(read).resolve())
        return output.samefile(read)
    return False
