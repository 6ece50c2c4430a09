"""Whatever moment the parent is killed at: no launch lost, no unreadable report, nobody left."""

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from simx.results.file import read
from simx.results.journal import journal_path, read_journal
from simx.results.schema import MeasuredCell, Report
from tests.faults.sweeps import Order

BACKBONES = ("alpha", "beta")
WHOLE = {(backbone, launch) for backbone in BACKBONES for launch in (0, 1)}
GONE_SECONDS = 20.0
"""For a killed process's workers to be gone on a busy machine; they take milliseconds."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


class Sweeps:
    """Begins sweeps, and sees to their ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sweeps", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def begin(self, report: Path) -> "Sweep":
        """Begin to measure, or go on with what is open."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        pipe = self._folder / "pipe"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        order = Order(str(report), str(pipe), BACKBONES)
        self._zygote.stdin.write(msgspec.json.encode(order) + b"\n")
        self._zygote.stdin.flush()
        return Sweep(int(self._zygote.stdout.readline()), reader)

    def close(self) -> None:
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait()


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

    def kill(self) -> None:
        """Kill it, unless it has ended by itself."""
        if not self.is_gone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> list[str]:
        """Return the lines it said."""
        os.close(self._reader)
        return self._said.decode().splitlines()


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweeps]:
    """Return what begins sweeps."""
    found = Sweeps(tmp_path_factory.mktemp("sweeps"))
    yield found
    found.close()


def finished(report: Report) -> set[tuple[str, int]]:
    """Return the backbones and indices of the launches of a report."""
    return {
        (cell.identity.model, launch.index)
        for cell in report.cells
        if isinstance(cell, MeasuredCell)
        for launch in cell.timings[0].launches
    }


def acknowledged(said: list[str]) -> set[tuple[str, int]]:
    """Return the launches that had been synced: all that were begun but for the last one."""
    order = sorted(WHOLE)
    if "done" in said:
        return set(order)
    return set(order[: max(0, order.index(_parsed(said[-1])))]) if said else set()


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


def _length_of_a_sweep(sweeps: Sweeps, folder: Path) -> float:
    """Return the seconds of the second of two: the first waits for what has to be imported."""
    for name in ("first", "second"):
        begun = time.monotonic()
        whole = sweeps.begin(folder / f"{name}.json")
        whole.listen(3 * GONE_SECONDS)
        assert whole.close()[-1] == "done"
    return time.monotonic() - begun


def test_no_moment_is_a_bad_one_to_be_killed_at(
    sweeps: Sweeps,
    tmp_path: Path,
    often: Callable[[int, int], int],
    counted: Callable[[str], None],
) -> None:
    """Killed anywhere, a sweep keeps what it acknowledged and leaves nobody; then it is resumed."""
    length = _length_of_a_sweep(sweeps, tmp_path)
    seed = random.SystemRandom().randrange(2**32)
    generator = random.Random(seed)  # noqa: S311 - chooses moments
    trials = often(25, 1000)
    launches = resumed = 0
    for trial in range(trials):
        report = tmp_path / f"{trial}.json"
        sweep = sweeps.begin(report)
        sweep.listen(generator.uniform(0.0, length))
        sweep.kill()
        sweep.listen(GONE_SECONDS)
        assert sweep.is_gone, f"seed {seed}, trial {trial}: a process is left"
        said = sweep.close()
        safe = acknowledged(said)
        assert safe <= kept(report), f"seed {seed}, trial {trial}: a launch is lost"
        launches += len(safe)
        if trial % 3 == 0 and journal_path(report).exists() and kept(report):
            resumed += 1
            rest = sweeps.begin(report)
            rest.listen(GONE_SECONDS)
            assert rest.close()[-1] == "done", f"seed {seed}, trial {trial}: it is not resumed"
            assert finished(read(report)) == WHOLE
            assert not journal_path(report).exists()
        for path in tmp_path.glob(f"{trial}.json*"):
            path.unlink()

    counted(
        f"parents killed at a random moment of a sweep of {length:.2f} s: {trials}, launches "
        f"acknowledged: {launches} and lost: 0, resumed: {resumed}, reports unreadable: 0, "
        "processes left: 0"
    )
