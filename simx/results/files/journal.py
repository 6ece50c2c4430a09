"""The journal's file: what a run has measured so far, one synced line after the other.

The header is written before any worker starts, and each launch before the next one begins. The
report is made from the journal, so that a run that ends early has lost nothing it had finished.
One process at a time has a journal open.
"""

import os
import shlex
from pathlib import Path
from typing import Self

import msgspec

from simx.common.atomic import sync_folder
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import InputKind, read_whole, shown
from simx.common.locking import try_lock
from simx.common.safe_text import clean
from simx.results.files.journal_lines import (
    Header,
    JournalDefectError,
    JournalVersionError,
    Kept,
    Line,
    decode,
    whole_lines,
)

SUFFIX = ".journal"

JOURNAL = InputKind(
    label="journal ",
    mend="give the report of an interrupted run, or move the journal away and measure again",
    most_bytes=512 * 2**20,
)


def journal_path(report: Path) -> Path:
    """Return where the journal of a report lies: beside it."""
    return report.with_name(report.name + SUFFIX)


def report_path(path: Path) -> Path:
    """Return the report that a path means: its own, or that of its journal."""
    return path.with_name(path.name.removesuffix(SUFFIX))


def resume_command(report: Path) -> str:
    """Return what takes a run up again, as it is typed into a shell."""
    return f"simx bench --resume {shlex.quote(str(report))}"


class Journal:
    """A journal that is open for writing, and nobody else's meanwhile."""

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
            path: where it goes; one that is there already is refused, since it may hold the only
                copy of what an interrupted run measured.
            header: the configuration, and the report to come.

        Raises:
            InputError: there is a journal at this path.
            SystemFailureError: it cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            raise InputError(_in_use(path) if _is_locked(path) else _in_the_way(path)) from None
        except OSError as error:
            raise _failure(path, error) from None
        journal = cls(path, descriptor, Kept(header=header))
        try:
            _require_lock(path, descriptor)
            journal._append(header)
            journal._sync_name()
        except BaseException:
            journal.remove()
            raise
        return journal

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Open the journal that a run left; what it had not acknowledged is cut off.

        Raises:
            InputError: it cannot be read, is no journal, or is another process's at the moment.
            SystemFailureError: it cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(f"journal {path}: cannot be opened ({error.strerror})") from None
        try:
            _require_lock(path, descriptor)
            data = read_whole(path, JOURNAL)
            kept = _decoded(path, data)
            os.ftruncate(descriptor, len(whole_lines(data)))
            os.lseek(descriptor, 0, os.SEEK_END)
        except OSError as error:
            os.close(descriptor)
            raise _failure(path, error) from None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, kept)

    def append(self, line: Line) -> None:
        """Write one line and wait until it is on the disk.

        Raises:
            SystemFailureError: it cannot be written.
        """
        was_empty, self._is_empty = self._is_empty, False
        try:
            self._append(line)
        except SystemFailureError as error:
            self._is_empty = was_empty
            if was_empty:
                raise
            raise SystemFailureError(
                f"{error}; what is finished is kept: '{resume_command(report_path(self.path))}'"
            ) from None

    def remove(self) -> None:
        """Close and remove the journal, once the report made from it is safe."""
        self._is_empty = True
        self.close()

    def close(self) -> None:
        """Close the file; it stays, unless no launch is in it."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if self._is_empty:
            # While it is still locked: nobody can have opened it to go on with it.
            self.path.unlink(missing_ok=True)
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, line: Header | Line) -> None:
        assert self._descriptor is not None  # noqa: S101 - nobody appends to what was closed
        try:
            view = memoryview(msgspec.json.encode(line) + b"\n")
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise _failure(self.path, error) from None

    def _sync_name(self) -> None:
        try:
            sync_folder(self.path.parent)
        except OSError as error:
            raise _failure(self.path, error) from None


def read_journal(path: Path) -> Kept:
    """Read what a journal holds, whoever has it open.

    Raises:
        InputError: it cannot be read, or is no journal.
    """
    return _decoded(path, read_whole(path, JOURNAL))


def _decoded(path: Path, data: bytes) -> Kept:
    try:
        return decode(data)
    except JournalDefectError as error:
        problem = clean(f"is not a journal of simx, or damaged: {error}")
        raise JOURNAL.refused(path, problem) from None
    except JournalVersionError as error:
        mend = "finish it with the simx that began it, or move it away and measure again"
        raise InputError(f"journal {shown(path)}: {clean(str(error))}; {mend}") from None


def _require_lock(path: Path, descriptor: int) -> None:
    if not try_lock(descriptor) or not os.fstat(descriptor).st_nlink:
        raise InputError(_in_use(path))


def _is_locked(path: Path) -> bool:
    """Whether somebody has a journal open at the moment; what cannot be asked is not locked."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def _in_use(path: Path) -> str:
    return f"journal {path}: another simx is writing it; let that one finish"


def _in_the_way(path: Path) -> str:
    command = resume_command(report_path(path))
    return (
        f"journal {path}: is left from another run; finish that with '{command}', "
        "move the journal away, or choose another report with -o"
    )


def _failure(path: Path, error: OSError) -> SystemFailureError:
    return SystemFailureError(
        f"journal {path}: cannot be written ({error.strerror}); "
        "free some space or choose another place with -o"
    )
