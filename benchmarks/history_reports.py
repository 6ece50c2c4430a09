"""How long `simx history` takes of many reports, and how much memory.

Copies of a report, a day apart, each cell's times multiplied by noise of 1 %: read for the first
time, again, and with one more.

    python benchmarks/history_reports.py report.json --reports 10000
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from simx.results.files.report import encode, read
from simx.results.schema.report import Cell, MeasuredCell, Report
from simx.results.schema.times import Block, Timing

BEGUN = datetime(2000, 1, 1, tzinfo=UTC)


def main() -> None:
    """Write the reports, look at them three times, and print a line for each."""
    parser = argparse.ArgumentParser(description="How long simx history takes.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--reports", type=int, default=10000)
    arguments = parser.parse_args()
    report = read(arguments.report)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "reports")
        folder.mkdir()
        for number in range(arguments.reports):
            (folder / f"{number}.json").write_bytes(encode(again(report, number)))
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        print(f"{arguments.reports} reports of {len(report.cells)} cells, {size:.0f} MB")
        _look(folder, "first")
        _look(folder, "again")
        (folder / "new.json").write_bytes(encode(again(report, arguments.reports)))
        _look(folder, "with one more")
        cache = Path(name, "cache", "simx", "history.sqlite")
        print(f"cache: {cache.stat().st_size / 1e6:.0f} MB")


def again(report: Report, number: int) -> Report:
    """Return a report of another day, with other noise."""
    random = np.random.default_rng(number)
    return msgspec.structs.replace(
        report,
        created=(BEGUN + timedelta(days=number)).isoformat(),
        cells=tuple(_slower(cell, float(np.exp(random.normal(0, 0.01)))) for cell in report.cells),
    )


def _slower(cell: Cell, factor: float) -> Cell:
    if not isinstance(cell, MeasuredCell):
        return cell
    return msgspec.structs.replace(
        cell, timings=tuple(_slower_timing(timing, factor) for timing in cell.timings)
    )


def _slower_timing(timing: Timing, factor: float) -> Timing:
    def slower(block: Block) -> Block:
        return msgspec.structs.replace(block, ns=tuple(round(ns * factor) for ns in block.ns))

    launches = (
        msgspec.structs.replace(launch, blocks=tuple(map(slower, launch.blocks)))
        for launch in timing.launches
    )
    return msgspec.structs.replace(timing, launches=tuple(launches))


def _look(folder: Path, name: str) -> None:
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "simx", "history", folder],
        env=os.environ | {"XDG_CACHE_HOME": str(folder.parent / "cache")},
        capture_output=True,
        check=True,
    )
    seconds = time.perf_counter() - begun
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    lines = done.stdout.decode().splitlines()
    print(f"{name}: {seconds:.1f} s, {len(lines)} lines; at most {most:.0f} MB so far", flush=True)


if __name__ == "__main__":
    main()
