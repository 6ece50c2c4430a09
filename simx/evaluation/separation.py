"""How a threshold on the cosine separates pairs that belong together: ROC, threshold, folds."""

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from simx.evaluation.bootstrap import Drawn
from simx.evaluation.neighbours import DECIMALS
from simx.evaluation.relations import Pairs, Truth
from simx.evaluation.vectors import Embeddings, Floats, Places
from simx.results.schema.evaluation import QUANTILES, Distribution, Separation


class Ranking:
    """Pairs in the order of their cosines, of which curves with any weights follow fast.

    Without weights, the best accuracy is at the place ``best`` and its ``threshold``.

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
        self.best = int(np.argmax(accuracies(*self.curve(np.ones(len(cosines))))))
        # The middle to the next lower cosine.
        self.threshold = float(np.clip(self._ranked[self._ends[self.best :][:2]].mean(), -1, 1))

    def curve(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the ROC curve of pairs with these weights.

        Returns:
            The shares of negative and of positive pairs at or above each threshold, the first of
            which is above all pairs; NaN without such a pair.
        """
        ranked = weights[self._order]
        return self._shares(ranked * ~self._same), self._shares(ranked * self._same)

    def _shares(self, ranked: Floats) -> Floats:
        sums = np.cumsum(ranked)[self._ends]
        shares = sums / sums[-1] if sums[-1] > 0 else np.full(len(sums), np.nan)
        return np.concatenate([[0.0], shares])


def accuracies(false_positives: Floats, true_positives: Floats) -> Floats:
    """Return the balanced accuracy at each threshold of a curve but the first."""
    return (true_positives[1:] + 1 - false_positives[1:]) / 2


class Separated:
    """The pairs of a truth with their cosines by some embeddings."""

    def __init__(self, embeddings: Embeddings, truth: Truth) -> None:
        pairs, self._folds = truth.pairs, truth.fold_of
        self._cosines = embeddings.cosines(pairs.left, pairs.right)
        self._ranking = Ranking(self._cosines, pairs.same)
        right = _right_on_held_out(self._cosines, pairs, truth.fold_of)
        self._right, judged = np.nan_to_num(right), ~np.isnan(right)
        self._kinds = pairs.same, ~pairs.same
        self._held_out = tuple(judged & of for of in self._kinds)
        self._left_units = self._right_units = truth.unit_of[pairs.left]
        if truth.labels is not None:
            self._right_units = truth.unit_of[pairs.right]
        self._is_within = self._left_units == self._right_units

    @property
    def wins(self) -> Floats:
        """1.0 for each triplet whose positive is nearer to the anchor than its negative, [T, 1]."""
        differences = np.round(self._cosines[::2] - self._cosines[1::2], DECIMALS)
        return (differences > 0).astype(np.float64)[:, np.newaxis]

    def statistic(self, counts: Floats) -> dict[str, float]:
        """Return the figures of pairs, where each unit counts so often."""
        left, right = counts[self._left_units], counts[self._right_units]
        # A pair of two units is drawn as often as both together (Snijders & Borgatti 1999).
        weights = np.where(self._is_within, left, left * right)
        false_positives, true_positives = curve = self._ranking.curve(weights)
        positive, negative = (_mean(self._cosines, weights * of) for of in self._kinds)
        shares = [_mean(self._right, weights * of) for of in self._held_out]
        return {
            # Equal cosines count half (Fawcett 2006, algorithm 3).
            "roc_auc": float(trapezoid(true_positives, false_positives)),
            # Where the share of false positives equals that of false negatives.
            "equal_error_rate": float(np.interp(0.0, sum(curve) - 1, false_positives)),
            "accuracy": float(accuracies(*curve)[self._ranking.best]),
            "held_out_accuracy": float(np.mean(shares)),
            "margin": positive - negative,
        }

    def record(self, drawn: Drawn) -> Separation:
        """Return the record of a report."""
        return Separation(
            roc_auc=drawn.estimate("roc_auc"),
            equal_error_rate=drawn.estimate("equal_error_rate"),
            accuracy=drawn.estimate("accuracy"),
            held_out_accuracy=drawn.if_any("held_out_accuracy"),
            margin=drawn.estimate("margin"),
            threshold=self._ranking.threshold,
            folds=0 if self._folds is None else int(self._folds.max()) + 1,
            positive=_distribution(self._cosines[self._kinds[0]]),
            negative=_distribution(self._cosines[self._kinds[1]]),
        )


def _mean(values: Floats, weights: Floats) -> float:
    """Return a weighted mean, NaN without weights."""
    return float(values @ weights / (weights.sum() or np.nan))


def _distribution(cosines: Floats) -> Distribution:
    quantiles = np.quantile(cosines, QUANTILES)
    mean = float(np.clip(cosines.mean(), -1, 1))
    return Distribution(count=len(cosines), mean=mean, quantiles=tuple(quantiles.tolist()))


def _right_on_held_out(cosines: Floats, pairs: Pairs, fold_of: Places | None) -> Floats:
    """Return whether each pair is right at the threshold that the other folds give.

    Returns:
        1.0 or 0.0, and NaN for pairs between folds and without folds, [P].
    """
    right = np.full(len(cosines), np.nan)
    if fold_of is None:
        return right
    left, other = fold_of[pairs.left], fold_of[pairs.right]
    for fold in range(int(fold_of.max()) + 1):
        held, rest = (left == fold) & (other == fold), (left != fold) & (other != fold)
        threshold = Ranking(cosines[rest], pairs.same[rest]).threshold
        right[held] = (cosines[held] >= threshold) == pairs.same[held]
    return right
