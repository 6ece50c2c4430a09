"""One export in the store: where its files are, and whether they match its manifest.

A stored file is regular, has one name, is no link, and has the size and the hash of its manifest.
It is checked when it is opened, and the open file is used, so that the checked content is loaded
even if the name is changed.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO

import msgspec

from simx.common.locking import locked
from simx.common.temporary import temporary_folder
from simx.exporter.store.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    VERIFICATION_FILE,
    FileRecord,
    Manifest,
)

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
        try:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DamagedEntryError(f"{path} cannot be read ({error.strerror})") from None
        if FileRecord(sha256=digest, bytes=file.tell()) != expected:
            raise DamagedEntryError(f"{path} does not have the hash its manifest names")
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
        DamagedEntryError: as for ``opened_as_recorded``, or the copy differs.
        OSError: the target cannot be written.
    """
    with opened_as_recorded(path, expected) as file, target.open("xb") as copy:
        shutil.copyfileobj(file, copy)
    if record_of(target) != expected:
        raise DamagedEntryError(f"{path} changed while it was copied")


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


class Entry(msgspec.Struct, frozen=True):
    """One export in the store."""

    folder: Path
    store: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        """The hash of everything that changes the files, under which it was published."""
        return self.folder.name.rsplit("-", 1)[-1]

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    @property
    def verification_path(self) -> Path:
        """The verification input and torch's answer to it."""
        return self.folder / VERIFICATION_FILE

    @property
    def weights_path(self) -> Path:
        """The state dict the export was made from, as safetensors."""
        return self.store / "weights" / f"{self.manifest.weights.sha256}.safetensors"

    @property
    def bytes(self) -> int:
        """The size of its own files, without the state dict that others may share."""
        return sum(record.bytes for record in self.manifest.files.values())

    def is_complete(self) -> bool:
        """Whether every file is there with its size; cheap, without reading the content."""
        records = {self.folder / name: record for name, record in self.manifest.files.items()}
        records[self.weights_path] = self.manifest.weights
        return all(
            path.is_file() and path.stat().st_size == record.bytes
            for path, record in records.items()
        )

    def damage(self) -> str | None:
        """Read every file, and say how one differs from the manifest; None where none does.

        A stored file is regular, has one name, and lies in the store.
        """
        return self.own_damage() or self.weights_damage()

    def own_damage(self) -> str | None:
        """Do the same without the state dict that others may share."""
        if not self.folder.resolve().is_relative_to(self.store.resolve()):
            return f"{self.folder} leads out of the store by a link"
        files = self.manifest.files.items()
        found = (damage_of(self.folder / name, record) for name, record in files)
        return next(filter(None, found), None)

    def weights_damage(self) -> str | None:
        """Do the same for that state dict."""
        return damage_of(self.weights_path, self.manifest.weights)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the entry from being pruned, without waiting or changing anything."""
        with ExitStack() as stack:
            with suppress(OSError):  # loading it fails later, with a clear error
                stack.enter_context(locked(self.folder / MANIFEST_FILE, shared=True))
            yield
