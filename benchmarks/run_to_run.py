"""What runs of the same thing differ in by themselves, beyond what their launches show.

simx bench --gflops 0 -o one.json; simx bench --gflops 0 -o two.json
python benchmarks/run_to_run.py one.json two.json
"""

import argparse
import math
from pathlib import Path

from simx.results.comparison.changes import DEFAULT_SPREAD, run_to_run
from simx.results.comparison.digest import COMPARED_SCOPES
from simx.results.comparison.reading import read_digests


def main() -> None:
    """Print a line for each scope that the reports share."""
    parser = argparse.ArgumentParser(description="What runs of the same thing differ in.")
    parser.add_argument("reports", type=Path, nargs="+", help="the same thing, measured again")
    runs = read_digests(parser.parse_args().reports)
    for scope in COMPARED_SCOPES:
        found = run_to_run(runs, scope)
        if math.isfinite(found.degrees):
            print(
                f"{scope:10} {100 * found.spread:5.2f} % a run, {found.degrees:.0f} degrees of "
                f"freedom (assumed otherwise: {100 * DEFAULT_SPREAD[scope]:g} %)"
            )


if __name__ == "__main__":
    main()
