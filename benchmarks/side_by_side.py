"""What the figures on two environments share: a second environment, and single calls in turns."""

import math
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

import simx
from simx.results.comparison.outcome import Change
from simx.results.schema.config import ProfileName
from simx.results.statistics.estimates import interval
from simx.workers.allocator import KEEPING
from simx.workers.variables import without_runtimes

BATCHES = 10
"""Parts of a series of calls, each of which gives one value: calls that follow each other are not
independent (B. Schmeiser, "Batch size effects in the analysis of simulation output", Operations
Research 30, 1982)."""

ANY_CHANGE = 1e-6
"""A threshold for ``simx diff --between`` below all that can be measured."""


class Interval(NamedTuple):
    """A ratio with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far it reaches above the ratio, as a share of it."""
        return self.high / self.value - 1

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


class Engine(NamedTuple):
    """What ``one_engine.py`` is to load, and in which interpreter."""

    name: str
    network: str
    side: int
    threads: int
    interpreter: str = sys.executable


def borrowed_environment(folder: Path) -> Path:
    """Make a virtual environment with the packages of this one, and return its packages' folder."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "borrowed.pth").write_text("\n".join(ours) + "\n")
    return packages


def interpreter_of(folder: Path) -> str:
    """Return the Python executable of a virtual environment."""
    return str(folder / "bin" / "python")


class Series(NamedTuple):
    """Benchmarks of one backbone on two targets, as many as fit into the time.

    ``base`` and ``new`` are backends with a name, such as ``slower=ort@FOLDER``. Every other
    benchmark names ``new`` first. ``half_width`` is None for the launches of the profile.
    """

    model: str
    base: str
    new: str
    trials: int
    minutes: float
    budget: float
    profile: ProfileName
    half_width: float | None
    store: str | None

    def run(self, folder: Path) -> list[Change | None]:
        """Print and return what ``simx diff --between`` finds in each, None on a busy machine."""
        found: list[Change | None] = []
        begun = time.monotonic()
        while len(found) < self.trials and not is_over(begun, len(found), self.minutes):
            found.append(self._trial(folder, len(found)))
        return found

    def _trial(self, folder: Path, index: int) -> Change | None:
        begun = time.monotonic()
        report = simx.bench(
            self.model,
            report=folder / f"{index}.json",
            backends=(self.new, self.base) if index % 2 else (self.base, self.new),
            profile=self.profile,
            half_width=self.half_width,
            budget=self.budget,
            seed=index,
            store=self.store,
        )
        names = (backend.partition("=")[0] for backend in (self.base, self.new))
        ranges = simx.compare_targets(report, *names, threshold=ANY_CHANGE).ranges
        change = next((cell.forward for each in ranges for cell in each.cells), None)
        (stop,), seconds = report.stops, time.monotonic() - begun
        print(f"{shown(change)}, {stop.launches} launches, {seconds:.0f} s", flush=True)
        return change


def is_over(begun: float, done: int, minutes: float) -> bool:
    """Whether the minutes since a moment do not suffice for one thing more of those done."""
    return done > 0 and (time.monotonic() - begun) * (done + 1) / done > 60 * minutes


def shown(change: Change | None) -> str:
    """Say what was found in a benchmark."""
    if change is None or change.low is None or change.high is None:
        return "not measured, the machine was busy"
    verdict = "too noisy" if change.noisy else change.verdict
    return f"{Interval(change.ratio, change.low, change.high)}, {verdict}"


def judged(found: Sequence[Change | None]) -> dict[int, Change]:
    """Return the benchmarks whose intervals count, by their index."""
    return {
        index: change
        for index, change in enumerate(found)
        if change is not None and change.low is not None and not change.noisy
    }


def ratio_of_calls(first: Engine, second: Engine, seconds: float, in_a_row: int = 1) -> Interval:
    """Make calls of two engines in turn for some seconds, and return the times' ratio.

    Each engine has its own process, with the variables of simx's workers. Batches of turns
    give the logarithm of the ratio of their medians, and the interval is Student's t of these.

    Args:
        first: The engine whose times are divided.
        second: The engine that they are divided by.
        seconds: How long to go on.
        in_a_row: Calls of a turn. Of several, the first quarter is left out, whose caches the
            other engine has filled.
    """
    with _running(first) as one, _running(second) as other:
        begun, pairs = time.monotonic(), list[tuple[float, float]]()
        while len(pairs) < BATCHES or time.monotonic() < begun + seconds:
            pairs.append((_nanoseconds(one, in_a_row), _nanoseconds(other, in_a_row)))
    medians = [np.median(batch, axis=0) for batch in np.array_split(np.array(pairs), BATCHES)]
    return interval_of([math.log(slower / faster) for slower, faster in medians])


def interval_of(logs: list[float]) -> Interval:
    """Return Student's t interval of independent logarithms of a ratio, of at least two."""
    value, low, high, _ = interval(dict(enumerate(logs)))
    assert low is not None  # noqa: S101 - there are several values
    assert high is not None  # noqa: S101 - likewise
    return Interval(value, low, high)


@contextmanager
def _running(engine: Engine) -> Iterator["subprocess.Popen[str]"]:
    script = str(Path(__file__).with_name("one_engine.py"))
    command = [engine.interpreter, script, engine.name, engine.network]
    with subprocess.Popen(
        [*command, str(engine.side), str(engine.threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**without_runtimes(os.environ), **KEEPING},
    ) as process:
        yield process


def _nanoseconds(process: "subprocess.Popen[str]", calls: int) -> float:
    """Make a turn's calls, and return the median of those that count."""
    times = [_nanoseconds_of_call(process) for _ in range(calls)]
    return float(np.median(times[calls // 4 :]))


def _nanoseconds_of_call(process: "subprocess.Popen[str]") -> int:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101 - likewise
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())
