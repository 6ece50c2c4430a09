"""Coverage of moderated intervals where a run's backbones differ in how much they vary.

For each regime of true variances: the share of 95 % intervals that hold the true value with each
backbone's own variance, with limma's moderation, and with simx's; the median half-width relative
to the first; and the coverage of the most variable backbone of each run.

    python benchmarks/moderation.py [RUNS]
"""

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from simx.results.statistics.moderation import Part, Prior, moderated, prior

Values = npt.NDArray[np.float64]
RUNS = 2000
TENTH, HALF = 0.1, 0.5

REGIMES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Values]] = {
    "equal": lambda _, size: np.ones(size),
    "a prior of 4 degrees": lambda random, size: 4 / random.chisquare(4, size),
    "a prior of 1.5 degrees": lambda random, size: 1.5 / random.chisquare(1.5, size),
    "lognormal, sd 0.5": lambda random, size: np.exp(random.normal(0, 0.5, size)),
    "lognormal, sd 1": lambda random, size: np.exp(random.normal(0, 1, size)),
    "10 % are 25 times": lambda random, size: np.where(random.random(size) < TENTH, 25.0, 1.0),
    "half are 4 times": lambda random, size: np.where(random.random(size) < HALF, 4.0, 1.0),
    "one is 100 times": lambda _, size: np.where(np.arange(size[1]) == 0, 100.0, np.ones(size)),
}


def own(part: Part, _: Prior | None) -> Part:
    """Return the variance as it is."""
    return part


def limma(part: Part, common: Prior | None) -> Part:
    """Return the variance moderated in both directions."""
    if common is None:
        return part
    degrees = min(common.degrees, 1e9)
    weighted = (degrees * common.variance + part[1] * part[0]) / (degrees + part[1])
    return weighted, min(degrees + part[1], common.most_degrees)


def main() -> None:
    """Print a table of regimes, backbones and launches."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    print(
        "regime | backbones | launches | coverage own, limma, simx | "
        "half-width of limma, simx | the most variable: own, limma, simx"
    )
    for backbones in (5, 20):
        for launches in (3, 5, 10):
            for name, regime in REGIMES.items():
                random = np.random.default_rng(0)
                true = regime(random, (runs, backbones))
                print(f"{name} | {backbones} | {launches} | {_row(random, true, launches)}")


def _row(random: np.random.Generator, true: Values, launches: int) -> str:
    logs = random.normal(size=(*true.shape, launches)) * np.sqrt(true)[..., np.newaxis]
    means, variances = logs.mean(axis=-1), logs.var(axis=-1, ddof=1)
    halves = {rule: np.empty_like(means) for rule in (own, limma, moderated)}
    for run, values in enumerate(variances):
        parts = [(float(value), launches - 1.0) for value in values]
        common = prior(parts)
        for rule, into in halves.items():
            found = np.array([rule(part, common) for part in parts])
            into[run] = stdtrit(found[:, 1], 0.975) * np.sqrt(found[:, 0] / launches)
    most = np.arange(len(true)), true.argmax(axis=1)
    covered = [np.abs(means) <= half for half in halves.values()]
    shares = ", ".join(f"{100 * each.mean():.1f}" for each in covered)
    worst = ", ".join(f"{100 * each[most].mean():.1f}" for each in covered)
    usual, *others = (np.median(half / np.sqrt(true)) for half in halves.values())
    return f"{shares} | {', '.join(f'{half / usual:.2f}' for half in others)} | {worst}"


if __name__ == "__main__":
    main()
