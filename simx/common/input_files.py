"""Opens files of any origin and any content, and checks their kind and size before reading."""

import gzip
import os
import re
import stat
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from typing import Any

from simx.common.errors import InputError
from simx.common.safe_text import clean

InputPath = str | os.PathLike[str]
"""A path as the user gave it."""

STDIN = Path("/dev/stdin")
"""What ``-`` means for an input."""

GZIP = b"\x1f\x8b"

_BOM = b"\xef\xbb\xbf"
"""Some editors put it before text in UTF-8."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""``Path`` leaves one of two slashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputKind:
    """A kind of input file.

    ``label`` precedes its path in messages (``picture ``), ``mend`` says what to give instead, and
    ``most_bytes`` is its largest size. ``pipes`` allows stdin and other pipes, such as the shell's
    ``<(...)``. ``gzip`` allows the file to be compressed; the size is then that of its content.
    """

    label: str
    mend: str
    most_bytes: int
    pipes: bool = False
    gzip: bool = False

    def refused(self, path: InputPath, problem: str) -> InputError:
        """Return the error for a file with a problem, whose text may be of any origin."""
        return InputError(f"{self.label}{shown(path)}: {clean(problem)}; {self.mend}")


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
    is_stdin = kind.pipes and os.fspath(path) == os.fspath(STDIN)
    refuse_url(path, kind.label, "download it and name the file")
    try:
        # Opening /dev/stdin again is not allowed to every user, nor possible for a socket.
        file = reader(FileIO(path, "rb", opener=_stdin if is_stdin else _without_waiting))
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        if os.fspath(path) == "-" and isinstance(error, FileNotFoundError):
            problem = "stdin cannot be used here, because it is read several times"
            raise kind.refused(path, problem) from error
        raise kind.refused(path, _reason(error)) from error
    with file:
        status = os.fstat(file.fileno())
        if is_stdin or (stat.S_ISFIFO(status.st_mode) and kind.pipes):
            os.set_blocking(file.fileno(), True)
        elif not stat.S_ISREG(status.st_mode):
            raise kind.refused(path, "is not a file (but a pipe, socket or device)")
        if status.st_size > kind.most_bytes:
            raise kind.refused(path, f"has {status.st_size:,} bytes, {_too_long(kind)}")
        yield file


def read_whole(path: InputPath, kind: InputKind) -> bytes:
    """Return the content of a file of text, without a byte order mark.

    Raises:
        InputError: As for ``opened``, or reading failed, gave too many bytes, or damaged ones.
    """
    with opened(path, kind) as file:
        try:
            data = file.read(kind.most_bytes + 1)
        except OSError as error:
            raise kind.refused(path, _reason(error)) from error
    if kind.gzip and data.startswith(GZIP):
        try:
            data = gzip.GzipFile(fileobj=BytesIO(data)).read(kind.most_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise kind.refused(path, f"is a damaged gzip file ({error})") from error
    if len(data) > kind.most_bytes:  # a pipe, a packed file, or one of the system without a size
        raise kind.refused(path, _too_long(kind))
    return data.removeprefix(_BOM)


def read_toml(path: InputPath, kind: InputKind) -> dict[str, Any]:
    """Return the content of a TOML file.

    Args:
        path: The file.
        kind: Its kind, for the size and the messages.

    Raises:
        InputError: It cannot be read, or is not TOML.
    """
    data = read_whole(path, kind)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise kind.refused(path, f"is not UTF-8 text (byte {error.start})") from None
    except (ValueError, OverflowError) as error:  # a number of thousands of digits, too
        raise kind.refused(path, f"is not TOML ({error})") from None
    except RecursionError:
        raise kind.refused(path, "is nested too deeply to be read") from None


def is_url(path: InputPath) -> bool:
    """Whether a text is a URL, and no file has this name."""
    text = os.fspath(path)
    return "://" in text and _URL.match(text) is not None and not os.path.lexists(text)


def refuse_url(path: InputPath, label: str, mend: str) -> None:
    """Refuse a URL where a local file is expected, unless there is a file of this name.

    Raises:
        InputError: With the label before the URL, and ``mend`` as what to do.
    """
    text = os.fspath(path)
    found = _URL.match(text)
    if found and not os.path.lexists(text):
        url = shown(f"{found[1]}://{text[found.end() :]}")
        raise InputError(f"{label}{url}: is a URL, and simx uses local files only; {mend}")


def _stdin(_name: InputPath, _flags: int) -> int:
    return os.dup(0)


def _without_waiting(name: InputPath, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def _too_long(kind: InputKind) -> str:
    return f"more than the {kind.most_bytes:,} allowed"


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not a file"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or error})"
