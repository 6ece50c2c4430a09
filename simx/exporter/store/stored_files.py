"""Stored files, checked against their manifest when they are opened.

A stored file is regular, has one name, is no link, and has the size and the hash of its manifest.
The open file is checked, so that the checked content is loaded even if the name is changed.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from simx.common.temporary import temporary_folder
from simx.exporter.store.manifest import FileRecord

_CHUNK = 1 << 20

_DESCRIPTORS = Path("/proc/self/fd")
"""Linux gives open files names there."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""Follow no link, and do not wait for a pipe's other end."""


class DamagedEntryError(Exception):
    """A stored file is not what its manifest says; the text names the file."""


def record_of(path: Path) -> FileRecord:
    """Hash a file and sync it to disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256")
        return FileRecord(sha256=digest.hexdigest(), bytes=file.tell())


@contextmanager
def opened_as_recorded(path: Path, expected: FileRecord) -> Iterator[BufferedReader]:
    """Open a stored file that is what its manifest says.

    Raises:
        DamagedEntryError: it is missing, is no regular file of one name, or its content differs.
    """
    with _opened(path, expected) as file:
        for _ in _checked_chunks(file, path, expected):
            pass
        file.seek(0)
        yield file


def damage_of(path: Path, expected: FileRecord) -> str | None:
    """Read a stored file, and say how it differs from its record; None where it does not."""
    try:
        with opened_as_recorded(path, expected):
            return None
    except DamagedEntryError as error:
        return str(error)


def copy_as_recorded(path: Path, expected: FileRecord, target: Path) -> None:
    """Copy a stored file that is what its manifest says, and sync the copy to the disk.

    Raises:
        DamagedEntryError: as for ``opened_as_recorded``; the copy must not be used.
        OSError: the target cannot be written.
    """
    with _opened(path, expected) as file, target.open("xb") as copy:
        copy.writelines(_checked_chunks(file, path, expected))
        copy.flush()
        os.fsync(copy.fileno())


@contextmanager
def _opened(path: Path, expected: FileRecord) -> Iterator[BufferedReader]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(os.fdopen(os.open(path, _FLAGS), "rb"))
            found = os.fstat(file.fileno())
        except OSError as error:
            is_link = os.path.islink(path)  # noqa: PTH114 - unlike Path's, it never raises
            reason = "is a link, which simx never stores" if is_link else "cannot be read"
            raise DamagedEntryError(f"{path} {reason} ({error.strerror})") from None
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
        yield file


def _checked_chunks(file: BufferedReader, path: Path, expected: FileRecord) -> Iterator[bytes]:
    """Yield the content, and refuse it at its end if its hash or its size differs."""
    digest = hashlib.sha256()
    try:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            yield chunk
    except OSError as error:
        raise DamagedEntryError(f"{path} cannot be read ({error.strerror})") from None
    if FileRecord(sha256=digest.hexdigest(), bytes=file.tell()) != expected:
        raise DamagedEntryError(f"{path} does not have the hash its manifest names")


def name_of(file: IO[bytes], path: Path) -> Path:
    """Return a name of an open file: on Linux one that is valid even if the path changes."""
    return _DESCRIPTORS / str(file.fileno()) if _DESCRIPTORS.is_dir() else path


@contextmanager
def confined(folder: Path, expected: Mapping[str, FileRecord]) -> Iterator[Path]:
    """Yield a folder with links to some open, checked files of another folder, and no others.

    A library that wants a path, and looks for further files beside it, finds the checked ones only.
    Where open files have no names, it is the folder itself, with its files checked.

    Raises:
        DamagedEntryError: a file differs from its record.
        SystemFailureError: there is no place for a temporary folder.
        OSError: there is no room for it.
    """
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(opened_as_recorded(folder / name, record))
            for name, record in expected.items()
        }
        if not _DESCRIPTORS.is_dir():
            yield folder
            return
        names = stack.enter_context(temporary_folder())
        for name, file in opened.items():
            (names / name).symlink_to(name_of(file, folder / name))
        yield names
