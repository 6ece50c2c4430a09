"""Loads on a backend of known service time, beside what queueing theory says.

A second environment has ONNX Runtime with calls of the network that take exactly so long: a call
that is done earlier waits until then. What the host makes a call longer by, the next one is shorter
by, so that the mean is known on a busy host, too. Its answers are right, so that all checks hold.
With one instance ``offline`` has to find its service time, and ``server`` the mean time of an M/D/1
queue. That depends on which arrivals chance has made, and on how long the calls really were: at 0.9
a call that is 1 % longer makes the mean 10 % longer. So it is also compared with an exact queue of
the same arrivals, which follow from the seed, and of calls as long as ``offline`` found them. So is
the largest rate within a bound. Last, a backend that stalls for 200 ms now and then.

    python -m benchmarks.queueing --minutes 12
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import msgspec
import numpy as np
import onnxruntime

import simx
from benchmarks.side_by_side import borrowed_environment
from simx.results.files.assembly import forward_of
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import Block, Launch
from simx.results.statistics.estimates import estimate
from simx.results.statistics.percentiles import percentiles
from simx.results.statistics.sustained import sustained
from simx.runner.bench.schedule import seed_of

MODEL = "mobilenet_v3_small"

SERVICE = 0.02
"""Seconds of a call: far above what the network takes, and what a process is woken late."""

UTILISATIONS = (0.3, 0.6, 0.9)

BOUND = 5 * SERVICE

STALL_EVERY, STALL = 60, 0.2
"""Calls between two stalls, and their seconds."""

SHORT_SERVICE = 0.005
"""Beside stalls: a percentile takes many queries, and those behind one stall are worth few."""

ATTEMPTS = 3
"""Of which each has arrivals of its own: a run whose queries began late is made again."""

TRIES = 3
"""Of a benchmark: simx gives no figure if its queries began late in all attempts."""

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
        self.calls = self.late = 0
    def run(self, *arguments, **options):
        begun = time.perf_counter()
        answer = super().run(*arguments, **options)
        if self.is_network:
            self.calls += 1
            stalls = {stall_every} and self.calls % {stall_every} == 0
            end = begun + ({stall} if stalls else {service}) - self.late
            while time.perf_counter() < end:
                pass
            self.late = min(time.perf_counter() - end, {service} / 2)
        return answer
'''


def main() -> None:
    """Print a table of what was measured beside what is right."""
    parser = argparse.ArgumentParser(description="Loads on a backend of known service time.")
    parser.add_argument("--minutes", type=float, default=12.0, help="for all loads together")
    parser.add_argument("--store")
    options = parser.parse_args()
    budget = 60 * options.minutes / 13
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder, options.store)
        steady = bench.build("steady", SERVICE, 0)
        stalling = bench.build("stalling", SHORT_SERVICE, STALL_EVERY)
        print("| load | measured | same arrivals and calls | ratio | theory | ratio |")
        print("|---|---:|---:|---:|---:|---:|")
        found = SERVICE
        for scenario in ("single-stream", "offline"):
            found = estimate(bench.launches(steady, budget / 2, scenario=scenario)).median_ns / 1e9
            row(f"{scenario}, ms a call", 1e3 * found, None, 1e3 * SERVICE)
        service = found
        for utilisation in UTILISATIONS:
            long = budget * (1 if utilisation < 0.9 else 3)  # noqa: PLR2004 - the last one
            rate = utilisation / SERVICE
            launches = bench.launches(steady, long, scenario="server", rate=rate)
            found, exact = mean_ms(launches), mean_ms(exact_launches(launches, service, rate))
            theory = 1e3 * SERVICE * (1 + utilisation / (2 * (1 - utilisation)))
            row(f"server at {utilisation}, mean ms of {queries(launches)}", found, exact, theory)
        launches = bench.launches(steady, 3 * budget, scenario="server", latency_bound=BOUND)
        found, exact = largest(launches), largest(exact_launches(launches, service))
        row(f"queries a second within {BOUND:g} s, of {queries(launches)}", found, exact, most())
        launches = bench.launches(stalling, 3 * budget, scenario="server", rate=0.2 / SHORT_SERVICE)
        (p99,) = percentiles(launches, [0.99])
        row(
            f"p99 with stalls of {1e3 * STALL:g} ms, ms of {queries(launches)}",
            (p99 or math.nan) / 1e6,
            None,
            1e3 * STALL,
        )


class Bench:
    """Benchmarks of one network on builds in a folder."""

    def __init__(self, folder: Path, store: str | None) -> None:
        self._folder = folder
        self._store = store

    def build(self, name: str, service: float, stall_every: int) -> str:
        """Make an environment, and return its backend."""
        package = borrowed_environment(self._folder / name) / "onnxruntime"
        package.mkdir()
        text = FIXED_BUILD.format(
            real=str(Path(onnxruntime.__file__).parent),
            service=service,
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

    def launches(self, backend: str, budget: float, **load: object) -> Sequence[Launch]:
        """Return what a benchmark measured."""
        for _ in range(TRIES):
            for cell in self.report(backend, budget, **load).cells:
                if isinstance(cell, MeasuredCell):
                    return forward_of(cell)
                print(f"{load}: {cell}", file=sys.stderr)
        raise SystemExit(f"{load}: failed {TRIES} times")


def queries(launches: Sequence[Launch]) -> int:
    """Return how many queries count."""
    return sum(len(block.ns) for launch in launches for block in launch.blocks)


def mean_ms(launches: Sequence[Launch]) -> float:
    """Return the mean latency in milliseconds."""
    return fmean(ns for launch in launches for block in launch.blocks for ns in block.ns) / 1e6


def largest(launches: Sequence[Launch]) -> float:
    """Return the largest rate within the bound as simx finds it, in queries a second."""
    return 1e9 / estimate(sustained(launches, 1e9 * BOUND)).median_ns


def exact_launches(
    launches: Sequence[Launch], service: float, rate: float | None = None
) -> list[Launch]:
    """Return launches as they would be with an exact queue of the same arrivals.

    A call takes ``service`` seconds. The rate is given, or that of each block.
    """
    found = []
    for launch in launches:
        seed = seed_of(0, MODEL, launch.index)
        blocks = tuple(
            exact_block(block, service, rate or block.rate or 0.0, seed) for block in launch.blocks
        )
        found.append(msgspec.structs.replace(launch, blocks=blocks))
    return found


def exact_block(block: Block, service: float, rate: float, seed: int) -> Block:
    """Return a block with the latencies of an exact queue.

    Which attempt it was, and how many queries came before those that count, the report does not
    say: the ones that fit best are taken.
    """
    count, measured = len(block.ns), np.array(block.ns)
    fits = []
    for attempt in range(ATTEMPTS):
        gaps = np.random.default_rng(seed_of(seed, block.round, attempt))
        waits = np.fromiter(lindley(gaps.exponential(1 / rate, 2 * count), service), float)
        latencies = np.rint(1e9 * (waits + service)).astype(int)
        for skipped in (math.ceil(count / 4), math.ceil(count / 4) + 1):
            exact = latencies[skipped : skipped + count]
            fits.append((float(np.abs(exact - measured).mean()), tuple(exact.tolist())))
    return msgspec.structs.replace(block, ns=min(fits)[1])


def most() -> float:
    """Return the largest rate at which 1 % of the queries of a long simulated queue are late."""
    low, high = 0.5 / SERVICE, 0.99 / SERVICE
    while high - low > 0.001 * low:
        middle = (low + high) / 2
        gaps = np.random.default_rng(1).exponential(1 / middle, 400_000)
        late = np.fromiter(lindley(gaps, SERVICE), float) + SERVICE > BOUND
        low, high = (middle, high) if late.mean() < 0.01 else (low, middle)  # noqa: PLR2004
    return low


def lindley(gaps: Iterable[float], service: float) -> Iterator[float]:
    """Yield how long each query waits in an exact queue (Lindley's recursion), in seconds.

    The first one comes after the first gap, and waits for nobody.
    """
    wait = -service
    for gap in gaps:
        wait = max(0.0, wait + service - gap)
        yield wait


def row(name: str, found: float, exact: float | None, theory: float) -> None:
    """Print one line of the table."""
    same = "| |" if exact is None else f"| {exact:.3f} | {found / exact:.4f}"
    print(f"| {name} | {found:.3f} {same} | {theory:.3f} | {found / theory:.4f} |", flush=True)


if __name__ == "__main__":
    main()
