"""How often two identical environments are called different, and by how much they differ.

A trial is a short benchmark of one backbone with ONNX Runtime in this environment and in a second
one that borrows the same packages, and ``simx diff --between`` of the two. Every other trial names
the second environment first.

    python -m benchmarks.false_alarms --trials 100 --minutes 20
"""

import argparse
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import binom

from benchmarks.side_by_side import Series, borrowed_environment, interval_of, judged
from simx.results.comparison.outcome import Change

ALARMS = 0.05
"""Share of equals that intervals of 95 % call different."""


def main() -> None:
    """Print a line for each trial, and what they amount to."""
    parser = argparse.ArgumentParser(description="False alarms between identical environments.")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=20.0, help="for the trials")
    parser.add_argument("--budget", type=float, default=5.0, help="seconds of each trial")
    parser.add_argument("--model", default="mobilenet_v3_small")
    parser.add_argument("--store")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        again = Path(name, "again")
        borrowed_environment(again)
        series = Series(
            model=options.model,
            base="plain=ort",
            new=f"again=ort@{again}",
            trials=options.trials,
            minutes=options.minutes,
            budget=options.budget,
            profile="quick",
            half_width=None,
            store=options.store,
        )
        summarise(series.run(Path(name)))


def summarise(found: Sequence[Change | None]) -> None:
    """Print the number of false alarms and its bound, and the mean shift in either order."""
    counting = judged(found)
    alarms = sum(change.verdict in {"slower", "faster"} for change in counting.values())
    bound = binom.ppf(1 - ALARMS, len(counting), ALARMS)
    print(
        f"{alarms} of {len(counting)} are false alarms; the binomial bound is {bound:.0f}; "
        f"{len(found) - len(counting)} more were too noisy or not measured"
    )
    logs = {index: math.log(change.ratio) for index, change in counting.items()}
    orders = {
        "mean shift": list(logs.values()),
        "second environment named last": [log for index, log in logs.items() if not index % 2],
        "second environment named first": [log for index, log in logs.items() if index % 2],
    }
    for name, values in orders.items():
        if len(values) > 1:
            value, low, high = (100 * (end - 1) for end in interval_of(values))
            print(f"{name}: {value:+.2f} % ({low:+.2f} to {high:+.2f} %)")


if __name__ == "__main__":
    main()
