"""What runs of the same thing differ in by themselves, beyond what their launches show.

simx bench --gflops 0 -o one.json; simx bench --gflops 0 -o two.json
python benchmarks/run_to_run.py one.json two.json
"""

import argparse
from pathlib import Path

from simx.results.comparison.digest import COMPARED_SCOPES
from simx.results.comparison.reading import read_digests
from simx.results.comparison.run_to_run import default, learnt


def main() -> None:
    """Print a line for each scope that the reports share."""
    parser = argparse.ArgumentParser(description="What runs of the same thing differ in.")
    parser.add_argument("reports", type=Path, nargs="+", help="the same thing, measured again")
    runs = read_digests(parser.parse_args().reports)
    for scope in COMPARED_SCOPES:
        found = learnt(runs, scope)
        if found is not None:
            print(
                f"{scope:10} {100 * found.spread:5.2f} % a run, {found.degrees:.0f} degrees of "
                f"freedom (assumed otherwise: {100 * default(scope).spread:g} %)"
            )


if __name__ == "__main__":
    main()
