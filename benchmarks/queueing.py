"""Loads on a backend of known service time, beside what queueing theory says.

A second environment has ONNX Runtime with calls of the network that take exactly so long: a call
that is done earlier waits until then. Its answers are right, so that all checks hold. With one
instance ``offline`` has to find its service time, and ``server`` the mean time of an M/D/1 queue.
The largest rate within a bound is compared with that of simulated queues. Last, a backend that
stalls for 200 ms now and then.

    python -m benchmarks.queueing --minutes 8
"""

import argparse
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import onnxruntime

import simx
from benchmarks.side_by_side import borrowed_environment
from simx.results.files.assembly import forward_of
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import FORWARD
from simx.results.statistics.estimates import estimate
from simx.results.statistics.percentiles import percentiles
from simx.results.summaries.derivation import backbones

MODEL = "squeezenet1_1"

SERVICE = 0.02
"""Seconds of a call: well above what the network takes."""

UTILISATIONS = (0.3, 0.6, 0.9)

BOUND = 5 * SERVICE

STALL_EVERY, STALL = 150, 0.2
"""Calls between two stalls, and their seconds."""

FIXED_BUILD = '''"""ONNX Runtime, whose calls of a network all take equally long."""
import pathlib
import time
real = pathlib.Path({real!r})
__path__ = [str(real)]
exec((real / "__init__.py").read_text())
Usual = InferenceSession
class InferenceSession(Usual):
    def __init__(self, path, *arguments, **options):
        super().__init__(path, *arguments, **options)
        self.is_network = self.get_inputs()[0].name == "image"
        self.calls = 0
    def run(self, *arguments, **options):
        begun = time.perf_counter()
        answer = super().run(*arguments, **options)
        if self.is_network:
            self.calls += 1
            stalls = {stall_every} and self.calls % {stall_every} == 0
            end = begun + ({stall} if stalls else {service})
            while time.perf_counter() < end:
                pass
        return answer
'''


def main() -> None:
    """Print a table of what was measured beside what is right."""
    parser = argparse.ArgumentParser(description="Loads on a backend of known service time.")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all loads together")
    parser.add_argument("--store")
    options = parser.parse_args()
    budget = 60 * options.minutes / 12
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder, options.store)
        steady, stalling = bench.build("steady", 0), bench.build("stalling", STALL_EVERY)
        print("| load | measured | right | measured / right |\n|---|---:|---:|---:|")
        for scenario in ("single-stream", "offline"):
            (cell,) = bench.cells(steady, budget / 2, scenario=scenario)
            found = estimate(forward_of(cell)).median_ns / 1e9
            row(f"{scenario}, ms a call", 1e3 * found, 1e3 * SERVICE)
        for utilisation in UTILISATIONS:
            long = budget * (1 if utilisation < 0.9 else 4)  # noqa: PLR2004 - the last one
            (cell,) = bench.cells(steady, long, scenario="server", rate=utilisation / SERVICE)
            found = fmean(times(cell)) / 1e9
            right = SERVICE * (1 + utilisation / (2 * (1 - utilisation)))
            load = f"server at {utilisation}, mean ms of {len(times(cell))} queries"
            row(load, 1e3 * found, 1e3 * right)
        report = bench.report(steady, 4 * budget, scenario="server", latency_bound=BOUND)
        (backbone,) = backbones(report)
        (summary,) = backbone.measured
        row(f"queries a second within {BOUND:g} s", 1e9 / summary.times[FORWARD].median_ns, most())
        (cell,) = bench.cells(stalling, budget, scenario="server", rate=0.3 / SERVICE)
        (p99,) = percentiles(forward_of(cell), [0.99])
        row(f"p99 with stalls of {1e3 * STALL:g} ms, ms", (p99 or math.nan) / 1e6, 1e3 * STALL)


class Bench:
    """Benchmarks of one network on builds in a folder."""

    def __init__(self, folder: Path, store: str | None) -> None:
        self._folder = folder
        self._store = store

    def build(self, name: str, stall_every: int) -> str:
        """Make an environment, and return its backend."""
        package = borrowed_environment(self._folder / name) / "onnxruntime"
        package.mkdir()
        text = FIXED_BUILD.format(
            real=str(Path(onnxruntime.__file__).parent),
            service=SERVICE,
            stall=STALL,
            stall_every=stall_every,
        )
        (package / "__init__.py").write_text(text)
        return f"{name}=ort@{self._folder / name}"

    def report(self, backend: str, budget: float, **load: object) -> Report:
        """Measure it under a load."""
        return simx.bench(
            MODEL,
            report=self._folder / "report.json",
            backends=backend,
            budget=budget,
            half_width=0.001,
            store=self._store,
            force=True,
            **load,  # type: ignore[arg-type]  # the table above has only what it takes
        )

    def cells(self, backend: str, budget: float, **load: object) -> Sequence[MeasuredCell]:
        """Return the cells of a benchmark that did not fail."""
        found = self.report(backend, budget, **load).cells
        return [cell for cell in found if isinstance(cell, MeasuredCell)]


def times(cell: MeasuredCell) -> list[int]:
    """Return the latencies of all counted queries in nanoseconds."""
    return [ns for launch in forward_of(cell) for block in launch.blocks for ns in block.ns]


def most() -> float:
    """Return the largest rate at which 1 % of the queries of long simulated queues are late."""
    low, high = 0.5 / SERVICE, 0.99 / SERVICE
    while high - low > 0.001 * low:
        middle = (low + high) / 2
        late = np.fromiter(waits(middle, 400_000), float) + SERVICE > BOUND
        low, high = (middle, high) if late.mean() < 0.01 else (low, middle)  # noqa: PLR2004
    return low


def waits(rate: float, queries: int) -> Iterator[float]:
    """Yield how long each query waits in an exact M/D/1 queue (Lindley's recursion)."""
    wait = 0.0
    for gap in np.random.default_rng(1).exponential(1 / rate, queries):
        wait = max(0.0, wait + SERVICE - gap)
        yield wait


def row(name: str, found: float, right: float) -> None:
    """Print one line of the table."""
    print(f"| {name} | {found:.3f} | {right:.3f} | {found / right:.4f} |", flush=True)


if __name__ == "__main__":
    main()
