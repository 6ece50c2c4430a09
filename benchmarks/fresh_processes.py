"""Forked launches against fresh processes: how much variance does a shared address layout hide?"""

import argparse
import math
from statistics import stdev

from simx.results.schema.config import Schedule
from simx.results.statistics.estimates import launch_estimate, log_ratios
from simx.results.statistics.round_filter import filter_rounds
from simx.runner.backends.registry import BACKENDS
from simx.runner.bench.threads import default_threads
from simx.selfcheck.laboratory import forwards, laboratory
from simx.workers.spawning import Spawner


def main() -> None:
    """Print the standard deviation between launches of either kind, taken in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launches", type=int, default=16)
    parser.add_argument("--models", nargs="+", default=["squeezenet1_1", "alexnet"])
    options = parser.parse_args()
    schedule = Schedule(pilot=1, launches=1, rounds=5)
    for model in options.models:
        with laboratory(default_threads(), model) as at:
            forked = dict(at.launchers)
            fresh = {spec.name: Spawner(spec.entry, spec.environment) for spec in BACKENDS}
            cells = at.cell("torch"), at.cell("ort")
            found: dict[str, list[tuple[float, float, float]]] = {"forked": [], "fresh": []}
            for index in range(options.launches):
                for kind, launchers in (("forked", forked), ("fresh", fresh)):
                    at.launchers = {**launchers}
                    launch = at.launch(cells, schedule, index)
                    measured = forwards(launch)
                    both = measured["torch"], measured["ort"]
                    filtered = filter_rounds(both, launch.canary, at.history.references())
                    (slower,), (faster,) = filtered.cells
                    (log,) = log_ratios([slower], [faster]).values()
                    times = (math.log(launch_estimate(each)) for each in (slower, faster))
                    found[kind].append((log, *times))  # type: ignore[arg-type]  # two times
        for kind, rows in found.items():
            ratio, torch, ort = (100 * stdev(column) for column in zip(*rows, strict=True))
            mean = math.exp(math.fsum(row[0] for row in rows) / len(rows))
            print(
                f"{model}, {kind}: ratio {mean:.4f}; standard deviation between "
                f"{len(rows)} launches: ratio {ratio:.2f} %, torch {torch:.2f} %, ort {ort:.2f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
