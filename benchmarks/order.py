"""Does it matter in which order the backends are named, or that another one's worker is loaded?"""

import argparse
import math
from collections.abc import Callable, Sequence

from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.statistics.estimates import interval, launch_estimate, log_ratios
from simx.results.statistics.round_filter import filter_rounds
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.threads import default_threads
from simx.selfcheck.laboratory import Laboratory, forwards, laboratory

Figure = Callable[[FinishedLaunch], float]


def main() -> None:
    """Print by how much either shifts the figures, with its 95 % interval."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launches", type=int, default=30)
    parser.add_argument("--model", default="squeezenet1_1")
    options = parser.parse_args()
    with laboratory(default_threads(), options.model) as at:
        torch, ort = at.cell("torch"), at.cell("ort")
        pairs: tuple[tuple[str, Sequence[PlannedCell], Sequence[PlannedCell], Figure], ...] = (
            ("torch/ort ratio, backends reversed", (torch, ort), (ort, torch), ratio_of),
            ("time of ort, idle torch beside", (ort,), (ort, torch), time_of("ort", at)),
            ("time of torch, idle ort beside", (torch,), (torch, ort), time_of("torch", at)),
        )
        for name, usual, changed, figure in pairs:
            shift(at, options.launches, name, usual, changed, figure)


def shift(
    at: Laboratory,
    count: int,
    name: str,
    usual: Sequence[PlannedCell],
    changed: Sequence[PlannedCell],
    figure: Figure,
) -> None:
    """Take launches of both in turns and print the mean of the differences of their logarithms."""
    schedule = Schedule(pilot=1, launches=1, rounds=5)
    logs = {}
    for index in range(count):
        before = figure(at.launch(usual, schedule, index))
        logs[index] = figure(at.launch(changed, schedule, index)) - before
    center, low, high, _ = interval(logs)
    assert low is not None  # noqa: S101 - there are several launches
    assert high is not None  # noqa: S101 - likewise
    print(
        f"{name}: {100 * (center - 1):+.2f} % ({100 * (low - 1):+.2f} to {100 * (high - 1):+.2f} %)"
        f" over {count} pairs of launches",
        flush=True,
    )


def ratio_of(launch: FinishedLaunch) -> float:
    """Return the logarithm of torch's time over ONNX Runtime's."""
    cells = forwards(launch)
    (log,) = log_ratios(cells["torch"], cells["ort"]).values()
    return log


def time_of(backend: str, at: Laboratory) -> Figure:
    """Return what gives the logarithm of a backend's time in undisturbed rounds."""

    def figure(launch: FinishedLaunch) -> float:
        filtered = filter_rounds(
            [forwards(launch)[backend]], launch.canary, at.history.references()
        )
        return math.log(launch_estimate(filtered.cells[0][0]))

    return figure


if __name__ == "__main__":
    main()
