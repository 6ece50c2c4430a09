"""Interleaved rounds against one cell after the other: how much the ratio differs from run to run.

Both take the same launches, rounds and blocks of a network on torch and on ONNX Runtime, in turns,
alone and beside a neighbour that comes and goes. No round is left out of either; what simx makes
of the interleaved ones, having left out the disturbed, stands beside.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import stdev

from simx.results.schema.config import Schedule
from simx.results.statistics.estimates import log_ratios, log_times
from simx.runner.bench.threads import default_threads
from simx.selfcheck.laboratory import Laboratory, forwards, laboratory

LAUNCHES = 5
ROUNDS = 2
ONE_LAUNCH = Schedule(pilot=1, launches=1, rounds=ROUNDS)

COMES_AND_GOES = """
import random, time
generator = random.Random(0)
while True:
    ends = time.monotonic() + generator.uniform(0.5, 5)
    while time.monotonic() < ends:
        pass
    time.sleep(generator.uniform(0.5, 5))
"""


def main() -> None:
    """Print the standard deviations of the logarithm of the ratio."""
    parser = argparse.ArgumentParser(description="Interleaved against one after the other.")
    parser.add_argument("--repeats", type=int, default=12)
    options = parser.parse_args()
    with laboratory(default_threads()) as at:
        print("alone")
        show(at, options.repeats)
        print("beside a neighbour that comes and goes")
        with comes_and_goes():
            show(at, options.repeats)


def show(at: Laboratory, repeats: int) -> None:
    """Measure both designs in turns."""
    one_by_one, interleaved, kept = [], [], []
    for seed in range(repeats):
        one_by_one.append(one_after_the_other(at))
        schedule = Schedule(pilot=LAUNCHES, launches=LAUNCHES, rounds=ROUNDS, seed=seed)
        found = at.compare(at.cell("torch"), at.cell("ort"), schedule)
        interleaved.append(mean(log_ratios(*found.measured).values()))
        kept.append(math.log(found.ratio.value))
    print(
        f"  standard deviation of the ratio over {repeats} runs: "
        f"{100 * stdev(one_by_one):.2f} % one after the other, "
        f"{100 * stdev(interleaved):.2f} % interleaved, "
        f"{100 * stdev(kept):.2f} % interleaved without the disturbed rounds",
        flush=True,
    )


def one_after_the_other(at: Laboratory) -> float:
    """Return the log ratio of all launches of torch and, behind them, all of ONNX Runtime."""
    slower, faster = (
        mean([launch_log(at, backend, index) for index in range(LAUNCHES)])
        for backend in ("torch", "ort")
    )
    return slower - faster


def launch_log(at: Laboratory, backend: str, index: int) -> float:
    """Return the mean log time of one launch of one cell."""
    launch = at.launch([at.cell(backend)], ONE_LAUNCH, index)
    return mean(log_times(forwards(launch)[backend]).values())


def mean(values: Iterable[float]) -> float:
    """Return the mean."""
    values = list(values)
    return math.fsum(values) / len(values)


@contextmanager
def comes_and_goes() -> Iterator[None]:
    """Keep one core busy for half a second to five, and leave it for as long, over and over."""
    with subprocess.Popen([sys.executable, "-c", COMES_AND_GOES]) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    main()
