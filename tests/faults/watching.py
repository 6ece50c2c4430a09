"""Watching sweeps of fakes from outside: what they said, what they left, and who is still there."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from simx.common import grouped
from simx.results.files.journal import journal_path, read_journal
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell, Report
from tests.faults.sweeps import Order

BACKBONES = ("alpha", "beta")
WHOLE = {(backbone, launch) for backbone in BACKBONES for launch in (0, 1)}
GONE_SECONDS = 120.0
"""The longest wait for processes to end, on a machine however busy; they take milliseconds."""


class Sweeps:
    """Begins sweeps, and sees to their ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sweeps", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def begin(
        self,
        report: Path,
        targets: tuple[str, ...] = ("right",),
        settings: tuple[int, ...] = (1,),
    ) -> "Sweep":
        """Begin to measure, or go on with what is open."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        pipe = self._folder / "pipe"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        order = Order(str(report), str(pipe), BACKBONES, targets, settings=settings)
        self._zygote.stdin.write(msgspec.json.encode(order) + b"\n")
        self._zygote.stdin.flush()
        return Sweep(int(self._zygote.stdout.readline()), reader)

    def close(self) -> None:
        with self._zygote:  # closes its pipes and waits for its end
            pass


class Sweep:
    """One sweep: its process, and what it and all that come from it have said."""

    def __init__(self, pid: int, reader: int) -> None:
        self.pid = pid
        self._reader = reader
        self._said = b""
        self.is_gone = False
        select.select([reader], [], [], GONE_SECONDS)

    def listen(self, seconds: float) -> None:
        """Listen until everybody is gone, or for a while."""
        deadline = time.monotonic() + seconds
        while not self.is_gone and (left := deadline - time.monotonic()) > 0:
            if select.select([self._reader], [], [], left)[0]:
                heard = os.read(self._reader, 4096)
                self._said += heard
                self.is_gone = not heard

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended by itself."""
        if not self.is_gone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def said(self) -> list[str]:
        """The lines it said so far."""
        return self._said.decode().splitlines()

    def close(self) -> list[str]:
        """Return the lines it said."""
        os.close(self._reader)
        return self.said


def finished(report: Report) -> set[tuple[str, int]]:
    """Return the backbones and indices of the launches that all measured cells of a report have."""
    measured = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]
    return {
        (model, index)
        for model, cells in grouped(measured, lambda cell: cell.identity.model).items()
        for index in set.intersection(
            *({launch.index for launch in cell.timings[0].launches} for cell in cells)
        )
    }


def acknowledged(said: list[str]) -> set[tuple[str, int]]:
    """Return the launches that had been synced: all that were begun but for the last one."""
    order = sorted(WHOLE)
    if "done" in said:
        return set(order)
    begun = [line for line in said if not line.startswith("ended")]
    return set(order[: order.index(_parsed(begun[-1]))]) if begun else set()


def _parsed(line: str) -> tuple[str, int]:
    backbone, launch = line.split()
    return backbone, int(launch)


def kept(report: Path) -> set[tuple[str, int]]:
    """Return the launches that are safe, whatever the report's or journal's state."""
    found = finished(read(report)) if report.exists() else set()
    journal = journal_path(report)
    # A header that had not been synced yet is a run that had not begun.
    if journal.exists() and b"\n" in journal.read_bytes():
        found |= finished(read_journal(journal).report())
    return found
