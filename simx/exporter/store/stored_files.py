"""Stored files, checked against their manifest when they are opened.

A stored file is regular, has one name, is no link, and has the size and the hash that its manifest
names. All of that is checked on the open file, so that what is loaded from it is what was checked,
even if its name is changed meanwhile. Imports no runtime.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from simx.exporter.store.manifest import FileRecord

_CHUNK = 1 << 20

_DESCRIPTORS = Path("/proc/self/fd")
"""Where Linux gives open files names of their own."""


class DamagedEntryError(Exception):
    """A stored file is not what its manifest says; the text names the file."""


def record_of(path: Path) -> FileRecord:
    """Hash a file and sync it to disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return _record(file)


@contextmanager
def opened_as_recorded(path: Path, expected: FileRecord) -> Iterator[BufferedReader]:
    """Open a stored file that is what its manifest says.

    Raises:
        DamagedEntryError: it is missing, is no regular file of one name, or its content differs.
    """
    with _opened(path, expected) as file:
        with _reading(path):
            _require_hash(path, _record(file), expected)
            file.seek(0)
        yield file


def copy_as_recorded(path: Path, expected: FileRecord, target: Path) -> None:
    """Copy a stored file that is what its manifest says, and see the copy onto the disk.

    Raises:
        DamagedEntryError: as for ``opened_as_recorded``; the copy is not to be used.
        OSError: the target cannot be written.
    """
    with _opened(path, expected) as file, target.open("xb") as copy:
        digest, size = hashlib.sha256(), 0
        while chunk := _read(file, path):
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    _require_hash(path, FileRecord(sha256=digest.hexdigest(), bytes=size), expected)


@contextmanager
def _opened(path: Path, expected: FileRecord) -> Iterator[BufferedReader]:
    try:
        file = os.fdopen(os.open(path, _FLAGS), "rb")
    except OSError as error:
        linked = os.path.islink(path)  # noqa: PTH114 - asks nothing that could fail
        reason = "is a link, which simx never stores" if linked else "cannot be read"
        raise DamagedEntryError(f"{path} {reason} ({error.strerror})") from None
    with file:
        with _reading(path):
            _require_plain(path, os.fstat(file.fileno()), expected)
        yield file


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DamagedEntryError(f"{path} cannot be read ({error.strerror})") from None


def _read(file: BufferedReader, path: Path) -> bytes:
    with _reading(path):
        return file.read(_CHUNK)


def name_of(file: IO[bytes], path: Path) -> Path:
    """Return a name of an open file, for a library that opens it by a name once more.

    Where the system has names for open files, the name leads to this file even if its path has
    changed; elsewhere it is the path.
    """
    return _DESCRIPTORS / str(file.fileno()) if _DESCRIPTORS.is_dir() else path


@contextmanager
def confined(folder: Path, expected: Mapping[str, FileRecord]) -> Iterator[Path]:
    """Yield a folder that holds these files of another one as they were checked, and no others.

    It holds names for the open files, so that a library that wants a path, and looks for further
    files beside it, finds those that were checked and cannot be led anywhere else. Where open files
    have no names of their own, it is the folder itself, with its files checked.

    Args:
        folder: where the files are.
        expected: what each of them must be.

    Raises:
        DamagedEntryError: one of them is not what it must be.
        OSError: there is no room for a temporary folder.
    """
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(opened_as_recorded(folder / name, record))
            for name, record in expected.items()
        }
        if not _DESCRIPTORS.is_dir():
            yield folder
            return
        names = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simx-")))
        for name, file in opened.items():
            (names / name).symlink_to(name_of(file, folder / name))
        yield names


_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""Follow no link, and do not wait for a pipe's other end."""


def _require_plain(path: Path, found: os.stat_result, expected: FileRecord) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise DamagedEntryError(f"{path} is no regular file")
    if found.st_nlink != 1:
        raise DamagedEntryError(
            f"{path} has {found.st_nlink} names on its disk, so that it can be changed through "
            "another one; simx stores files of one name"
        )
    if found.st_size != expected.bytes:
        raise DamagedEntryError(
            f"{path} has {found.st_size} bytes where its manifest names {expected.bytes}"
        )


def _require_hash(path: Path, found: FileRecord, expected: FileRecord) -> None:
    if found != expected:
        raise DamagedEntryError(f"{path} does not have the hash its manifest names")


def _record(file: BufferedReader) -> FileRecord:
    digest = hashlib.file_digest(file, "sha256")
    return FileRecord(sha256=digest.hexdigest(), bytes=file.tell())
