"""Intervals of figures: by the bootstrap over queries or classes, the same draws for every cell.

Intervals are from the 2.5th to the 97.5th percentile of the draws (Efron & Tibshirani, "An
Introduction to the Bootstrap", 1993, chapter 13). Because all cells have the same draws, their
differences are paired.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from simx.evaluation.vectors import Floats
from simx.results.schema.evaluation import Estimate

CONFIDENCE = 0.95

_MOST_UNDEFINED = 0.05
"""The share of draws that may have no figure, such as those without a negative pair."""

_LARGEST_DIFFERENCE = 2.0

Statistic = Callable[[Floats], dict[str, float]]
"""Figures by name, as a function of how often each unit counts."""


def drawn_counts(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each unit is drawn, [units], for each resample."""
    draw = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(draw.integers(units, size=units), minlength=units).astype(np.float64)


def estimated(value: float, draws: NDArray[np.float64], units: int, *, share: bool) -> Estimate:
    """Return a figure with its interval.

    Draws that all give 0 or 1, as where every query is right, do not mean certainty: a share then
    has the exact binomial interval of its units (Clopper & Pearson 1934).

    Args:
        value: The figure.
        draws: The figure of each resample, NaN where it is undefined, [B].
        units: How many were drawn from.
        share: Whether the figure is a share.
    """
    if np.isnan(draws).mean() > _MOST_UNDEFINED:
        return Estimate(value=value)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(each) for each in np.nanquantile(draws, [tail, 1 - tail]))
    if share and low == high == value and value in {0.0, 1.0}:
        exact = stats.binomtest(round(value * units), units).proportion_ci(CONFIDENCE)
        low, high = float(exact.low), float(exact.high)
    return Estimate(value=value, low=low, high=high)


class Drawn:
    """Figures of the pictures as they are, ``values``, and of each resample, ``draws`` [B].

    Args:
        statistics: Return figures by name, from how often each unit counts.
        units: How many units there are.
        resamples: How often they are drawn.
        seed: Decides the draws.
    """

    def __init__(
        self, statistics: Sequence[Statistic], units: int, resamples: int, seed: int
    ) -> None:
        def of(counts: Floats) -> dict[str, float]:
            return {name: its for each in statistics for name, its in each(counts).items()}

        drawn = [of(counts) for counts in drawn_counts(units, resamples, seed)]
        self._units = units
        self.values = of(np.ones(units))
        self.draws = {name: np.array([each[name] for each in drawn]) for name in self.values}

    def estimate(self, name: str) -> Estimate:
        """Return a figure with its interval."""
        is_share = name != "margin"
        return estimated(self.values[name], self.draws[name], self._units, share=is_share)

    def if_any(self, name: str) -> Estimate | None:
        """Return a figure with its interval; None where it is not among these, or undefined."""
        return None if np.isnan(self.values.get(name, np.nan)) else self.estimate(name)


def behind_best(values: Sequence[float], draws: Sequence[Floats]) -> list[Estimate]:
    """Return how far each cell's figure is below the best one, with simultaneous intervals.

    The intervals hold for the differences of all pairs of cells together, so also for those from a
    best one that was found with the same data: their half-width is the standard error times the
    95th percentile of the largest standardised deviation of any pair (max-T; Westfall & Young,
    "Resampling-Based Multiple Testing", 1993). They are without limits if a draw has no figure.

    Args:
        values: The figure of each of T cells.
        draws: The figure of each of B resamples, [T][B].
    """
    if not values:
        return []
    found, best, drawn = np.array(values), int(np.argmax(values)), np.column_stack(draws)
    usable = drawn[~np.isnan(drawn).any(axis=1)]
    if len(usable) < (1 - _MOST_UNDEFINED) * len(drawn):
        return [Estimate(value=float(found[best] - value)) for value in values]
    deviations = usable - found
    largest = np.zeros(len(usable))
    for place in range(len(found) - 1):
        pairs = deviations[:, place, np.newaxis] - deviations[:, place + 1 :]
        # Two cells that always agree have no error, and deviate by nothing.
        errors = pairs.std(axis=0)
        errors[errors == 0] = np.inf
        largest = np.maximum(largest, (np.abs(pairs) / errors).max(axis=1))
    widths = np.quantile(largest, CONFIDENCE) * (deviations - deviations[:, [best]]).std(axis=0)
    return [
        Estimate(value=value, low=max(value - width, -_LARGEST_DIFFERENCE), high=value + width)
        for value, width in zip((found[best] - found).tolist(), widths.tolist(), strict=True)
    ]
