"""How often a real slowdown of about 3 % is found at the default profile, alone and in company."""

import argparse

from simx.results.statistics.estimates import Ratio
from simx.runner.bench.schedule import PROFILES
from simx.runner.bench.threads import default_threads
from simx.selfcheck.claims import lower_bound
from simx.selfcheck.laboratory import Laboratory, laboratory
from simx.selfcheck.trials import AT_LENGTH, neighbour, of_unequals


def main() -> None:
    """Print the true ratio, measured at length, and what became of each trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--beside", type=int, default=10, help="trials beside a busy neighbour")
    parser.add_argument("--backend", default="ort")
    options = parser.parse_args()
    with laboratory(default_threads()) as at:
        (long,) = of_unequals(at, options.backend, 1, AT_LENGTH, lambda *_: None).comparisons
        truth = long.ratio
        print(
            f"true ratio: {truth.value:.4f} ({truth.low:.4f} to {truth.high:.4f}) by "
            f"{truth.launches} launches{', too noisy' if long.filtered.noisy else ''}"
        )
        print("alone")
        show(at, options.backend, options.trials, truth)
        print("beside a neighbour that keeps one core busy")
        with neighbour():
            show(at, options.backend, options.beside, truth)


def show(at: Laboratory, backend: str, count: int, truth: Ratio) -> None:
    """Print a line for each trial, and what they amount to."""
    found = of_unequals(at, backend, count, PROFILES["default"], lambda *_: None, truth)
    for each in found.comparisons:
        ratio = each.ratio
        print(
            f"  {ratio.value:.4f} ({ratio.low:.4f} to {ratio.high:.4f}) {ratio.launches} launches, "
            f"{each.seconds:.0f} s, "
            f"{each.filtered.excluded} of {each.filtered.rounds} rounds excluded"
            f"{', too noisy' if each.filtered.noisy else ''}"
        )
    least = lower_bound(found.significant, count)
    print(
        f"  found in {found.significant} of {count} (at least {100 * least:.0f} % with 97.5 % "
        f"confidence), true ratio covered in {found.covered}, too noisy {found.noisy}"
    )


if __name__ == "__main__":
    main()
