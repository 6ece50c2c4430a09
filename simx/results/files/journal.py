"""The journal's file: what a run has measured so far, one synced line after the other.

The header is written before any worker starts, and each launch before the next one begins. The
report is made from the journal, so that an interrupted run loses no finished launch. Only one
process at a time has a journal open.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import msgspec

from simx.common.atomic import sync_folder
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import read_whole
from simx.common.locking import try_lock
from simx.results.files.journal_decoding import JOURNAL, decode, whole_lines
from simx.results.files.journal_lines import (
    Command,
    Header,
    Kept,
    Line,
    Noted,
)

_SUFFIX = ".journal"


def journal_path(report: Path) -> Path:
    """Return the path of a report's journal: beside the report."""
    return report.with_name(report.name + _SUFFIX)


def report_path(path: Path) -> Path:
    """Return the report of a path that may be its journal's."""
    return path.with_name(path.name.removesuffix(_SUFFIX))


def resume_command(report: Path, command: Command = "bench") -> str:
    """Return the shell command that resumes a run of a command."""
    return f"simx {command} --resume {shlex.quote(str(report))}"


class JournalFullError(SystemFailureError):
    """A journal would become larger than what is read of one."""


class Journal:
    """A journal that this process alone has open for writing."""

    def __init__(self, path: Path, descriptor: int, kept: Kept) -> None:
        """Use ``begin`` or ``resume`` instead."""
        self.path = path
        self.kept = kept
        self._descriptor: int | None = descriptor
        self._is_empty = not kept.lines

    @classmethod
    def begin(cls, path: Path, header: Header) -> Self:
        """Begin a journal; its header is on the disk when this returns.

        Args:
            path: Of a new file. An existing journal is refused, because it may hold the only copy
                of what an interrupted run measured.
            header: The configuration, and the report to come.

        Raises:
            InputError: There is a journal at this path.
            SystemFailureError: It cannot be written.
        """
        try:
            with _writing(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            raise _in_the_way(path) from None
        journal = cls(path, descriptor, Kept(header=header))
        try:
            _require_lock(path, descriptor)
            journal._append(_encoded(header))
            with _writing(path):
                sync_folder(path.parent)
        except BaseException:
            journal.remove()
            raise
        return journal

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Open the journal of an interrupted run, and cut off a last line without its end.

        Raises:
            InputError: It cannot be read, is no journal, or another process has it open.
            SystemFailureError: It cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(f"journal {path}: cannot be opened ({error.strerror})") from None
        try:
            with _writing(path):
                _require_lock(path, descriptor)
                data = read_whole(path, JOURNAL)
                kept = decode(path, data)
                rest = len(data) - len(whole_lines(data))
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - rest)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, kept)

    def append(self, line: Line) -> None:
        """Write one line and wait until it is on the disk.

        Raises:
            JournalFullError: It would not be read again.
            SystemFailureError: It cannot be written.
        """
        data = _encoded(line)
        if os.fstat(self._open).st_size + len(data) > JOURNAL.most_bytes:
            raise JournalFullError(
                f"journal {self.path}: is full at {JOURNAL.most_bytes >> 20} MiB, all that is read "
                "of one; give what is left a run of its own"
            )
        was_empty = self._is_empty
        self._is_empty = was_empty and isinstance(line, Noted)
        try:
            self._append(data)
        except SystemFailureError as error:
            self._is_empty = was_empty
            if was_empty:
                raise
            command = resume_command(report_path(self.path), self.kept.header.command)
            raise SystemFailureError(f"{error}; finished launches are kept: '{command}'") from None

    def remove(self) -> None:
        """Close and remove the journal, once the report made from it is safe."""
        self._is_empty = True
        self.close()

    def close(self) -> None:
        """Close the file, and remove it if it has no launch."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if self._is_empty:
            # While it is still locked, so that no other process resumes it.
            self.path.unlink(missing_ok=True)
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _open(self) -> int:
        assert self._descriptor is not None  # noqa: S101 - a closed journal gets no lines
        return self._descriptor

    def _append(self, data: bytes) -> None:
        with _writing(self.path):
            view = memoryview(data)
            while view:
                view = view[os.write(self._open, view) :]
            os.fsync(self._open)


def read_journal(path: Path) -> Kept:
    """Read what a journal holds, even while a process writes it.

    Raises:
        InputError: It cannot be read, or is no journal.
    """
    return decode(path, read_whole(path, JOURNAL))


def _encoded(line: Header | Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _require_lock(path: Path, descriptor: int) -> None:
    if not try_lock(descriptor) or not os.fstat(descriptor).st_nlink:
        raise InputError(f"journal {path}: another simx is writing it; let that one finish")


def _in_the_way(path: Path) -> InputError:
    command: Command = "bench"
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        try:
            _require_lock(path, descriptor)
            with suppress(InputError):  # it is damaged, and may be precious nevertheless
                command = read_journal(path).header.command
        except InputError as error:
            return error
        finally:
            os.close(descriptor)
    finishing = resume_command(report_path(path), command)
    return InputError(
        f"journal {path}: is left from another run; finish that with '{finishing}', "
        "move the journal away, or choose another report with -o"
    )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn errors of the system, but for an existing file, into one that names the journal."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise SystemFailureError(
            f"journal {path}: cannot be written ({error.strerror}); "
            "free some space or choose another place with -o"
        ) from None
