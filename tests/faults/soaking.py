"""Sweep after sweep of fakes of which some come to a bad end, for as long as is asked for.

Run as ``python -m tests.faults.soaking FOLDER SECONDS``; prints a ``Soak`` as JSON.
"""

import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from simx.results.files.report import read
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.runner.bench.schedule import Deadlines
from tests.faults.sweeps import Order, make_fast, sweep
from tests.runner.fakes import FAULTS, Fault, entry_in, fault_of

BACKBONES = 8
LAUNCHES = 2
SETTLED = 2
"""Sweeps until the parent has imported and allocated what it ever needs."""

DEADLINES = Deadlines(loading=5.0, floor=3.0, cap=20.0)


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; memory in bytes, of the parent after a few sweeps and in the end.

    ``wrong`` says what was not as it should be; ``left`` counts processes and descriptors that a
    sweep left behind.
    """

    sweeps: int
    cells: int
    healthy: int
    faults: dict[str, int]
    wrong: tuple[str, ...]
    left: int
    memory_before: int
    memory_after: int


def soak(folder: Path, seconds: float) -> Soak:
    """Measure until the time is over, and at least until every fault has been there."""
    (folder / "entry").mkdir()
    entry = entry_in(folder / "entry")
    make_fast()
    ends = time.monotonic() + seconds
    process = psutil.Process()
    faults: Counter[str] = Counter()
    wrong: list[str] = []
    cells = healthy = sweeps = left = before = after = 0
    for names in _batches():
        if sweeps > SETTLED and time.monotonic() > ends:
            break
        report = folder / "report.json"
        order = Order(str(report), os.devnull, names, launches=LAUNCHES)
        open_ones = process.num_fds()
        sweep(order, entry, folder, DEADLINES)
        found = read(report)
        wrong += _wrong(found, names)
        cells += len(found.cells)
        healthy += sum(isinstance(cell, MeasuredCell) for cell in found.cells)
        faults.update(fault[0] for name in names if (fault := fault_of(name)))
        left += len(process.children(recursive=True)) + process.num_fds() - open_ones
        sweeps += 1
        after = process.memory_info().rss
        before = after if sweeps == SETTLED else before
    return Soak(
        sweeps=sweeps,
        cells=cells,
        healthy=healthy,
        faults=dict(faults),
        wrong=tuple(wrong),
        left=left,
        memory_before=before,
        memory_after=after,
    )


def _batches() -> Iterator[tuple[str, ...]]:
    """Give the names of the backbones of each sweep: first every fault once, then by chance."""
    yield tuple(_first_with(fault) for fault in FAULTS)
    for number in itertools.count():
        yield tuple(f"net{number}-{place}" for place in range(BACKBONES))


def _first_with(fault: Fault) -> str:
    names = (f"first{number}" for number in itertools.count())
    return next(name for name in names if (found := fault_of(name)) and found[0] == fault)


def _wrong(report: Report, names: tuple[str, ...]) -> Iterator[str]:
    """Tell of cells that are not there, failed for nothing, or were measured and should not be."""
    found = {(cell.identity.model, cell.identity.backend): cell for cell in report.cells}
    for name, kind in itertools.product(names, ("right", "fragile")):
        cell = found.get((name, kind))
        fault = fault_of(name) if kind == "fragile" else None
        if fault is None:
            if not isinstance(cell, MeasuredCell):
                yield f"{name} {kind} is healthy and {_ended(cell)}"
            elif {len(timing.launches) for timing in cell.timings} != {LAUNCHES}:
                yield f"{name} {kind} has not every launch"
        elif not isinstance(cell, FailedCell) or "this is the end" not in cell.stderr:
            yield f"{name} {kind} ended with {fault} and {_ended(cell)}"


def _ended(cell: object) -> str:
    if isinstance(cell, FailedCell):
        return f"failed at {cell.stage}: {cell.reason} {cell.stderr}"
    return "was measured" if isinstance(cell, MeasuredCell) else "is not there"


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(soak(Path(sys.argv[1]), float(sys.argv[2]))).decode())
