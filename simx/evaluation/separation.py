"""How a threshold on the cosine separates pairs that belong together: ROC, threshold, folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from simx.evaluation.neighbours import DECIMALS
from simx.evaluation.truth import Pairs
from simx.evaluation.vectors import Floats, Places
from simx.results.schema.evaluation import QUANTILES, Distribution

MOST_FOLDS = 5

Folds = tuple[Places, Places]
"""The fold of each pair's left and right picture, [P] each."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The ROC curve of some pairs with weights.

    ``false_positives`` is the share of negative pairs at or above each threshold, and
    ``true_positives`` that of positive ones; the first threshold is above all pairs.
    """

    false_positives: Floats
    true_positives: Floats

    @property
    def area(self) -> float:
        """The area under the curve; equal cosines count half (Fawcett 2006, algorithm 3)."""
        return float(trapezoid(self.true_positives, self.false_positives))

    @property
    def equal_error_rate(self) -> float:
        """The share of false positives where it equals that of false negatives."""
        balance = self.false_positives + self.true_positives - 1
        return float(np.interp(0.0, balance, self.false_positives))

    @property
    def accuracies(self) -> Floats:
        """The balanced accuracy at each threshold but the first."""
        return (self.true_positives[1:] + 1 - self.false_positives[1:]) / 2


class Ranking:
    """Pairs in the order of their cosines, of which curves with any weights follow fast.

    Args:
        cosines: Of P pairs.
        same: Whether each belongs together, [P].
    """

    def __init__(self, cosines: Floats, same: NDArray[np.bool_]) -> None:
        rounded = np.round(cosines, DECIMALS)
        self._order = np.argsort(-rounded, kind="stable")
        self._ranked = rounded[self._order]
        self._same = same[self._order]
        # Pairs with equal cosines are on the same side of any threshold.
        self._ends = np.append(np.flatnonzero(np.diff(self._ranked)), len(cosines) - 1)

    def curve(self, weights: Floats) -> Curve:
        """Return the ROC curve of pairs with these weights, NaN without a kind of pair."""
        ranked = weights[self._order]
        return Curve(self._shares(ranked * ~self._same), self._shares(ranked * self._same))

    def threshold(self, place: int) -> float:
        """Return a threshold of the curve but the first: the middle to the next lower cosine."""
        ends = self._ends[place : place + 2]
        return float(np.clip(self._ranked[ends].mean(), -1, 1))

    def _shares(self, ranked: Floats) -> Floats:
        sums = np.cumsum(ranked)[self._ends]
        shares = sums / sums[-1] if sums[-1] > 0 else np.full(len(sums), np.nan)
        return np.concatenate([[0.0], shares])


def distribution(cosines: Floats) -> Distribution:
    """Return the distribution of at least one cosine."""
    quantiles = np.quantile(cosines, QUANTILES)
    mean = float(np.clip(cosines.mean(), -1, 1))
    return Distribution(count=len(cosines), mean=mean, quantiles=tuple(quantiles.tolist()))


def folds_of(pairs: Pairs, seed: int) -> Folds | None:
    """Deal whole groups into ``MOST_FOLDS`` folds at the most.

    Returns:
        The folds; None where there are too few groups to have pairs of both kinds in all folds
        together, and beside each fold.
    """
    both = np.concatenate([pairs.left_group, pairs.right_group])
    groups, places = np.unique(both, return_inverse=True)
    # A fold of one class has no pair of two classes, but pairs of a list are within a group.
    fewest = 1 if np.array_equal(pairs.left_group, pairs.right_group) else 2
    count = min(MOST_FOLDS, len(groups) // fewest)
    if count <= 1:
        return None
    order = np.random.default_rng(seed).permutation(len(groups))
    left, right = np.split((order % count)[places], 2)
    rests = [(left != fold) & (right != fold) for fold in range(count)]
    has_both = (len(set(pairs.same[part])) == 2 for part in (left == right, *rests))  # noqa: PLR2004
    return (left, right) if all(has_both) else None


def right_on_held_out(cosines: Floats, pairs: Pairs, folds: Folds) -> Floats:
    """Return whether each pair is right at the threshold that the other folds give.

    Returns:
        1.0 or 0.0, and NaN for pairs between folds, [P].
    """
    left, right = folds
    found = np.full(len(cosines), np.nan)
    for fold in range(int(left.max()) + 1):
        held, rest = (left == fold) & (right == fold), (left != fold) & (right != fold)
        ranking = Ranking(cosines[rest], pairs.same[rest])
        accuracies = ranking.curve(np.ones(rest.sum())).accuracies
        threshold = ranking.threshold(int(np.argmax(accuracies)))
        found[held] = (cosines[held] >= threshold) == pairs.same[held]
    return found


def balanced(right: Floats, same: NDArray[np.bool_], weights: Floats) -> float:
    """Return the mean of the weighted shares of right positive and right negative pairs."""
    judged = ~np.isnan(right)
    shares = []
    for kind in (judged & same, judged & ~same):
        total = weights[kind].sum()
        shares.append(right[kind] @ weights[kind] / total if total > 0 else np.nan)
    return float(np.mean(shares))
