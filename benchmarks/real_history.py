"""What `simx history` says of real runs, from one of which on one backbone takes longer.

Each run is GFLOPS range 0 under PyTorch and ONNX Runtime with the quick profile. ONNX Runtime is
that of a second environment, which from the middle run on does more work after each call of one
backbone (see `slowdown.py`). Prints how much longer that truly takes, what runs differ in, and
after each run what a history of all so far names; then in how many cells larger changes would have
been found, by planting them into the figures of one cell after the other. With ``--look`` it prints
that alone, of runs that were kept.

    python -m benchmarks.real_history --runs 10 --percent 10 --folder runs
    python -m benchmarks.real_history --look runs
"""

import argparse
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

import simx
from benchmarks.precision import ALL, some
from benchmarks.side_by_side import Interval
from benchmarks.slowdown import SlowerBuild, prepared
from simx.results.history.change_points import FEWEST
from simx.results.history.entries import Stored
from simx.results.history.history import History, Level, Line, history
from simx.results.history.store import collect

SLOWER = "installed"
"""What the runtime of the second environment is called in the reports."""

SIZES = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Of the changes that are planted into the figures."""


def main() -> None:
    """Measure run after run, and print what is found after each."""
    parser = argparse.ArgumentParser(description="What simx history says of real runs.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--percent", type=float, default=10.0, help="of more work")
    parser.add_argument("--model", default="squeezenet1_1", help="that takes longer")
    parser.add_argument("--backbones", type=int, default=ALL, help="of range 0, at the most")
    parser.add_argument("--truth", type=float, default=60.0, help="seconds for the true ratio")
    parser.add_argument("--store")
    parser.add_argument("--folder", type=Path, help="where the reports are kept")
    parser.add_argument("--look", type=Path, help="at the reports of this folder")
    options = parser.parse_args()
    if options.look:
        sizes_found(collect([options.look]).reports)
        return
    models = dict.fromkeys((options.model, *some(options.backbones)))
    with tempfile.TemporaryDirectory() as name:
        build = SlowerBuild(Path(name, "slower"), options.model)
        share = options.percent / 100
        truth = prepared(build, options.model, share, options.truth, options.store)
        additions, reports = build.additions, list[Path]()
        for run in range(options.runs):
            build.set_additions(additions if run >= options.runs // 2 else 0)
            reports.append((options.folder or Path(name)) / f"{run}.json")
            simx.bench(
                tuple(models),
                report=reports[-1],
                backends=("torch", f"{SLOWER}=ort@{build.folder}"),
                profile="quick",
                seed=run,
                store=options.store,
            )
            summarise(simx.history(reports), options.model, options.runs // 2, truth)
        sizes_found(collect(reports).reports)


def summarise(found: History, model: str, begun: int, truth: Interval) -> None:
    """Print what a history of all runs so far names."""
    runs = len(found.reports)
    changes = list(_changes(found))
    slower = [
        line for line in found.lines if (line.cell.model, line.cell.backend) == (model, SLOWER)
    ]
    right = [change for change in changes if any(_is_of(change, line, begun) for line in slower)]
    text = f"{runs} runs: "
    if runs < FEWEST:
        print(f"{text}too few to look at", flush=True)
        return
    for change in right:
        size = Interval(change.ratio, change.low, change.high)
        text += f"{model} from run {change.report + 1} on, {size}, planted {truth}; "
    text += f"{len(changes) - len(right)} other changes in {found.series} series"
    print(f"{text}; {differences(found)}", flush=True)


def differences(found: History) -> str:
    """Return what a cell's time differs by from run to run, alone and beside the other cells."""
    lines = [line for line in found.lines if len(line.reports) >= FEWEST]
    logs = np.full((len(lines), len(found.reports)), np.nan)
    for row, line in zip(logs, lines, strict=True):
        row[list(line.reports)] = np.log(line.ns)
    in_common = np.nanmedian(logs - np.nanmedian(logs, axis=1, keepdims=True), axis=0)
    return f"cells differ by {spread(logs)} and beside all others by {spread(logs - in_common)}"


def spread(logs: npt.NDArray[np.float64]) -> str:
    """Return the middle cell's standard deviation from one run to the next one, in percent."""
    deviations = np.nanstd(np.diff(logs, axis=1), axis=1) / np.sqrt(2)
    return f"{100 * np.nanmedian(deviations):.1f} %"


def sizes_found(reports: Sequence[Stored]) -> None:
    """Print how often a change is named that is planted into the figures of one cell."""
    begun = len(reports) // 2
    lines = [line for line in history(reports).lines if len(line.reports) >= FEWEST]
    for size in SIZES:
        right = others = 0
        for line in lines:
            changes = list(_changes(history(_planted(reports, line, begun, size))))
            named = sum(_is_of(change, line, begun) for change in changes)
            right, others = right + (named > 0), others + len(changes) - named
        cells = f"{right} of {len(lines)} cells"
        print(f"{100 * size:.0f} % planted: named in {cells}; {others} other changes", flush=True)


def _planted(reports: Sequence[Stored], line: Line, begun: int, size: float) -> list[Stored]:
    changed = list(reports[:begun])
    for each in reports[begun:]:
        points = tuple(
            msgspec.structs.replace(point, log=point.log + math.log1p(size))
            if point.cell == line.cell
            else point
            for point in each.entry.points
        )
        changed.append(Stored(each.name, msgspec.structs.replace(each.entry, points=points)))
    return changed


def _changes(found: History) -> Iterator[Level]:
    return (change for event in found.events for change in event.changes)


def _is_of(change: Level, line: Line, begun: int) -> bool:
    """Whether a change is the planted one: it may begin with the cell's first time after that."""
    at = min((place for place in line.reports if place >= begun), default=begun)
    return change.cell == line.cell and change.first <= at <= change.last


if __name__ == "__main__":
    main()
