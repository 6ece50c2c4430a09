"""Is a busy neighbour flagged, and is nothing flagged where there is none?"""

import argparse
from collections import Counter
from collections.abc import Sequence

from simx.results.noise import disturbances
from simx.results.schema import Block
from simx.runner.selfcheck.laboratory import laboratory
from simx.runner.selfcheck.trials import flagged_share, neighbour, of_equals
from simx.runner.threads import default_threads


def main() -> None:
    """Print how many cells and blocks are flagged, and by what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=20)
    options = parser.parse_args()
    with laboratory(default_threads()) as at:
        quiet = of_equals(at, options.comparisons, lambda *_: None)
        with neighbour():
            busy = of_equals(at, options.comparisons, lambda *_: None)
    for name, found in (("alone", quiet), ("beside a busy neighbour", busy)):
        cells = 2 * len(found.comparisons)
        flagged = 2 * sum(each.calm.noisy for each in found.comparisons)
        print(
            f"{name}: {flagged} of {cells} cells called too noisy; "
            f"{100 * flagged_share(found.blocks):.1f} % of {len(found.blocks)} blocks flagged "
            f"({by_cause(found.blocks)}), "
            f"{100 * flagged_share(found.blocks, quiet=True):.2f} % of those without steal or "
            f"pressure; {sum(each.calm.excluded for each in found.comparisons)} of "
            f"{sum(each.calm.rounds for each in found.comparisons)} rounds excluded",
            flush=True,
        )


def by_cause(blocks: Sequence[Block]) -> str:
    """Say how many blocks each covariate flags."""
    counts = Counter(name for block in blocks for name in disturbances(block))
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


if __name__ == "__main__":
    main()
