"""The journal: what a run has measured so far, one synced line after the other.

The first line is the report without its cells, written before any worker starts; every further
line is one backbone's finished launch, or how its launches ended. The report is made from the
journal, so that a run that ends early has lost nothing it had finished. A last line without its
newline was never acknowledged and is not read.
"""

import os
from pathlib import Path
from typing import Self

import msgspec

from simx.errors import InputError, SystemFailureError
from simx.results.assembly import merge_canaries, merge_cells
from simx.results.atomic import sync_folder
from simx.results.record import Struct
from simx.results.schema import Canary, Outcome, Report, Stop


class FinishedLaunch(Struct, frozen=True, kw_only=True):
    """One line: every cell of one backbone, with the times of one launch.

    The line behind a backbone's last launch has nothing but its ``stop``.
    """

    cells: tuple[Outcome, ...] = ()
    canary: tuple[Canary, ...] = ()
    stop: Stop | None = None


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
        InputError: it cannot be read, or is no journal.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        header = msgspec.json.decode(lines[0], type=Report)
        launches = [msgspec.json.decode(line, type=FinishedLaunch) for line in lines[1:]]
    except OSError as error:
        raise InputError(f"journal {path}: cannot be read ({error.strerror})") from None
    except (IndexError, msgspec.DecodeError) as error:
        raise InputError(f"journal {path}: is not a journal of simx ({error})") from None
    return msgspec.structs.replace(
        header,
        cells=merge_cells(cell for launch in launches for cell in launch.cells),
        canary=merge_canaries(canary for launch in launches for canary in launch.canary),
        stops=tuple(launch.stop for launch in launches if launch.stop is not None),
    )
