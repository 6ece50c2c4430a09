"""How long ``simx diff`` takes of two reports with many cells.

python benchmarks/diff_speed.py report.json --cells 2000
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from simx.results.files.report import read, write
from simx.results.schema.report import MeasuredCell, Report


def main() -> None:
    """Multiply a report's cells, compare the result with itself run again, and print the time."""
    parser = argparse.ArgumentParser(description="How long simx diff takes.")
    parser.add_argument("report", type=Path, help="measured at the default profile")
    parser.add_argument("--cells", type=int, default=2000)
    arguments = parser.parse_args()
    report = read(arguments.report)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("base.json", "new.json")]
        for path, created in zip(paths, (report.created, "2026-01-01T00:00:00+00:00"), strict=True):
            write(path, multiplied(report, arguments.cells, created))
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "simx", "diff", *map(str, paths)],
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        seconds = time.perf_counter() - begun
    lines = done.stdout.splitlines()
    print(
        f"{arguments.cells} cells, {megabytes:.0f} MB in both reports: {seconds:.2f} s, "
        f"{len(lines)} lines"
    )


def multiplied(report: Report, count: int, created: str) -> Report:
    """Return a report of so many cells, each of them one of the report's under another name."""
    measured = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]
    copies = -(-count // len(measured))
    return msgspec.structs.replace(
        report,
        created=created,
        cells=tuple(renamed(cell, copy) for copy in range(copies) for cell in measured)[:count],
        canary=tuple(
            msgspec.structs.replace(each, model=f"{each.model}_{copy}")
            for copy in range(copies)
            for each in report.canary
        ),
        stops=(),
    )


def renamed(cell: MeasuredCell, copy: int) -> MeasuredCell:
    """Return a cell of another model of the same times."""
    its = msgspec.structs.replace(cell.identity, model=f"{cell.identity.model}_{copy}")
    return msgspec.structs.replace(cell, identity=its)


if __name__ == "__main__":
    main()
