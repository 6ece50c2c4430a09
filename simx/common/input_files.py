"""Opens files of any origin and any content, and checks their kind and size before reading."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, FileIO

from simx.common.errors import InputError

InputPath = str | os.PathLike[str]
"""A path as the user gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputKind:
    """A kind of input file.

    ``label`` precedes its path in messages (``picture ``), ``mend`` says what to give instead, and
    ``most_bytes`` is its largest size. ``pipes`` allows a pipe, such as the shell's ``<(...)``.
    """

    label: str
    mend: str
    most_bytes: int
    pipes: bool = False

    def refused(self, path: InputPath, problem: str) -> InputError:
        """Return the error for a file with a problem."""
        return InputError(f"{self.label}{shown(path)}: {problem}; {self.mend}")


def shown(path: InputPath) -> str:
    """Return a path as the user typed it, escaped if it would not print on one line."""
    text = os.fspath(path)
    return text if text and text.isprintable() else repr(text)


@contextmanager
def opened(
    path: InputPath, kind: InputKind, reader: type[BufferedReader] = BufferedReader
) -> Iterator[BufferedReader]:
    """Open a file for reading, yield it, and close it afterwards.

    The kind of the file and its size are those of the open descriptor, so the file cannot be
    replaced in between. A named pipe without a writer does not block.

    Args:
        path: The file.
        kind: Its expected kind.
        reader: The class that reads it.

    Raises:
        InputError: The path is missing, unreadable or not a file, or the file is too long.
    """
    try:
        file = reader(FileIO(path, "rb", opener=lambda name, f: os.open(name, f | os.O_NONBLOCK)))
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise kind.refused(path, _reason(error)) from error
    with file:
        status = os.fstat(file.fileno())
        if stat.S_ISFIFO(status.st_mode) and kind.pipes:
            os.set_blocking(file.fileno(), True)
        elif not stat.S_ISREG(status.st_mode):
            raise kind.refused(path, "is not a file (but a pipe, socket or device)")
        if status.st_size > kind.most_bytes:
            raise kind.refused(path, f"has {status.st_size:,} bytes, {_too_long(kind)}")
        yield file


def read_whole(path: InputPath, kind: InputKind) -> bytes:
    """Return the content of a file.

    Raises:
        InputError: As for ``opened``, or reading failed or gave too many bytes.
    """
    with opened(path, kind) as file:
        try:
            data = file.read(kind.most_bytes + 1)
        except OSError as error:
            raise kind.refused(path, _reason(error)) from error
    if len(data) > kind.most_bytes:  # a pipe, or a file of the system without a size
        raise kind.refused(path, _too_long(kind))
    return data


def _too_long(kind: InputKind) -> str:
    return f"more than the {kind.most_bytes:,} allowed"


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not a file"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or error})"
