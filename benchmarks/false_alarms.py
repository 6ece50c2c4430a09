"""How often two equal cells are called different: real comparisons, and simulated ones."""

import argparse

from scipy.stats import binom

from simx.runner.bench.schedule import PROFILES
from simx.runner.bench.threads import default_threads
from simx.selfcheck.laboratory import laboratory
from simx.selfcheck.simulation import Spread, simulate
from simx.selfcheck.trials import flagged_share, of_equals, quiet_blocks, spread_of

MODEL = "squeezenet1_1"


def main() -> None:
    """Print the share of false alarms, the spread behind it, and the blocks flagged meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--simulated", type=int, default=10_000)
    options = parser.parse_args()
    shares = simulate(1.0, Spread(), PROFILES["default"], options.simulated)
    print(f"simulated: {100 * shares.significant:.2f} % of {shares.comparisons} are false alarms")
    count = options.comparisons
    with laboratory(default_threads(), MODEL) as at:
        found = of_equals(at, count, lambda *_: None)
    bound = int(binom.ppf(0.95, count, 0.05))
    spread = spread_of([each for each in found.comparisons if not each.filtered.noisy])
    blocks = found.blocks
    excluded = sum(each.filtered.excluded for each in found.comparisons)
    rounds = sum(each.filtered.rounds for each in found.comparisons)
    print(f"real: {found.significant} of {count} are false alarms; the binomial bound is {bound}")
    print(f"called too noisy: {found.noisy}; rounds excluded: {excluded} of {rounds}")
    print(
        f"spread: launches {100 * spread.launch:.2f} %, rounds {100 * spread.own_round:.2f} %, "
        f"calls {100 * spread.call:.2f} %"
    )
    print(
        f"blocks flagged: {100 * flagged_share(blocks):.2f} % of {len(blocks)}, "
        f"{100 * flagged_share(blocks, quiet=True):.2f} % of the {len(quiet_blocks(blocks))} "
        "without steal or pressure"
    )


if __name__ == "__main__":
    main()
