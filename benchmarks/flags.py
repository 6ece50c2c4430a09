"""Is a busy neighbour flagged, and is nothing flagged where there is none?"""

import argparse
from collections import Counter
from collections.abc import Sequence

from simx.results.schema.times import Block
from simx.results.statistics.noise import disturbances
from simx.runner.bench.threads import default_threads
from simx.selfcheck.laboratory import laboratory
from simx.selfcheck.trials import Trials, flagged_share, neighbour, of_equals, quiet_blocks


def main() -> None:
    """Print how many cells and blocks are flagged, and by what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=20)
    options = parser.parse_args()
    with laboratory(default_threads()) as at:
        quiet = of_equals(at, options.comparisons, lambda *_: None)
        with neighbour():
            busy = of_equals(at, options.comparisons, lambda *_: None)
    show("alone", quiet)
    show("beside a busy neighbour", busy)


def show(name: str, found: Trials) -> None:
    """Print what was flagged of the cells, blocks and rounds of some comparisons."""
    blocks, comparisons = found.blocks, found.comparisons
    print(
        f"{name}: {2 * found.noisy} of {2 * len(comparisons)} cells called too noisy; "
        f"{sum(each.filtered.excluded for each in comparisons)} of "
        f"{sum(each.filtered.rounds for each in comparisons)} rounds excluded; "
        f"{100 * flagged_share(blocks):.1f} % of {len(blocks)} blocks flagged "
        f"({by_cause(blocks)}), {100 * flagged_share(quiet_blocks(blocks)):.2f} % of the "
        f"{len(quiet_blocks(blocks))} without steal or pressure",
        flush=True,
    )


def by_cause(blocks: Sequence[Block]) -> str:
    """Say how many blocks each covariate flags."""
    counts = Counter(name for block in blocks for name in disturbances(block))
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


if __name__ == "__main__":
    main()
