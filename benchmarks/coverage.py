"""How often a nominal 95 % interval holds the true ratio, simulated."""

from simx.runner.bench.schedule import PROFILES
from simx.selfcheck.check import TRUE_RATIOS
from simx.selfcheck.simulation import Spread, simulate

COMPARISONS = 10_000
SPREADS = {
    "as on a quiet machine": Spread(),
    "launches that differ much": Spread(launch=0.04),
    "rounds that differ much": Spread(launch=0.005, own_round=0.06),
}


def main() -> None:
    """Print coverage, width and launches for each ratio, under three kinds of noise."""
    for name, spread in SPREADS.items():
        print(name)
        for seed, ratio in enumerate(TRUE_RATIOS):
            found = simulate(ratio, spread, PROFILES["default"], COMPARISONS, seed)
            print(
                f"  {ratio:.2f}: {100 * found.covered:.2f} % covered, half-width "
                f"{100 * found.half_width:.2f} %, {found.launches:.1f} launches"
            )


if __name__ == "__main__":
    main()
