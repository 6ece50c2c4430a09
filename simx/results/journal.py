"""The journal: what a run has measured so far, one synced line after the other.

The first line is the report without its cells, written before any worker starts; every further
line is one backbone's finished launch, or how its launches ended. The report is made from the
journal, so that a run that ends early has lost nothing it had finished. A last line without its
newline was never acknowledged and is not read.
"""

import os
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from simx.errors import InputError, SystemFailureError
from simx.inputs import InputKind, one_line, read_whole
from simx.results.assembly import merge_canaries, merge_cells
from simx.results.atomic import sync_folder
from simx.results.record import Struct
from simx.results.schema import Canary, Outcome, Report, SchemaId, Stop
from simx.results.strict_json import JsonDefectError, decode
from simx.results.validation import first_problem

JOURNAL = InputKind(
    label="journal ",
    mend="give one that `simx bench` left, or move it away",
    most_bytes=512 * 2**20,
)


class FinishedLaunch(Struct, frozen=True, kw_only=True):
    """One line: every cell of one backbone, with the times of one launch.

    The line behind a backbone's last launch has nothing but its ``stop``.
    """

    cells: tuple[Outcome, ...] = ()
    canary: tuple[Canary, ...] = ()
    stop: Stop | None = None


Line = TypeVar("Line", Report, FinishedLaunch)


def journal_path(report: Path) -> Path:
    """Return where the journal of a report lies: beside it."""
    return report.with_name(report.name + ".journal")


class Journal:
    """A journal being written."""

    def __init__(self, path: Path, header: Report) -> None:
        """Begin a journal.

        Args:
            path: where it goes; one that is there already is refused, since it may hold the only
                copy of what an interrupted run measured.
            header: the report to come, without cells.

        Raises:
            InputError: there is a journal at this path.
            SystemFailureError: it cannot be written.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            raise InputError(
                f"journal {path}: is left from another run; move it away or choose another report"
            ) from None
        except OSError as error:
            raise self._failure(error) from None
        self._append(msgspec.json.encode(header))
        sync_folder(path.parent)

    def append(self, launch: FinishedLaunch) -> None:
        """Write one finished launch and wait until it is on the disk.

        Raises:
            SystemFailureError: it cannot be written.
        """
        self._append(msgspec.json.encode(launch))

    def remove(self) -> None:
        """Remove the journal, once the report made from it is safe."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; the journal stays."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        try:
            view = memoryview(line + b"\n")
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> SystemFailureError:
        return SystemFailureError(
            f"journal {self.path}: cannot be written ({error.strerror}); "
            "free some space or choose another place with -o"
        )


def read_journal(path: Path) -> Report:
    """Make the report of what a journal holds.

    Raises:
        InputError: it cannot be read, is no journal, or holds no sound report.
    """
    header, launches = read_lines(path)
    report = msgspec.structs.replace(
        header,
        cells=merge_cells(cell for launch in launches for cell in launch.cells),
        canary=merge_canaries(canary for launch in launches for canary in launch.canary),
        stops=tuple(launch.stop for launch in launches if launch.stop is not None),
    )
    if problem := first_problem(report):
        raise JOURNAL.refused(path, one_line(f"what it holds is no sound report: {problem}"))
    return report


def read_lines(path: Path) -> tuple[Report, tuple[FinishedLaunch, ...]]:
    """Return a journal's header and its finished launches, in their order.

    What is behind the last line feed was never acknowledged and is not read.

    Raises:
        InputError: it cannot be read, or is no journal; the message has the line's number.
    """
    first, *others = read_whole(path, JOURNAL).split(b"\n")[:-1] or [b""]
    header = _line(path, 1, first, Report)
    if header.schema != SchemaId():
        raise JOURNAL.refused(path, "is not a journal of this version of simx")
    numbered = enumerate(others, start=2)
    return header, tuple(_line(path, number, line, FinishedLaunch) for number, line in numbered)


def _line(path: Path, number: int, line: bytes, kind: type[Line]) -> Line:
    try:
        return decode(line, kind)
    except JsonDefectError as error:
        problem = one_line(f"is not a journal of simx (line {number}: {error})")
        raise JOURNAL.refused(path, problem) from error
