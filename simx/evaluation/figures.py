"""The figures of one cell, with the draws of their bootstrap, from its embeddings and the truth."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simx.evaluation.bootstrap import drawn_counts, estimated
from simx.evaluation.neighbours import DECIMALS, DEPTHS, Found, kept, search
from simx.evaluation.separation import (
    Folds,
    Ranking,
    balanced,
    distribution,
    folds_of,
    right_on_held_out,
)
from simx.evaluation.truth import Pairs, Pictures, pairs_of_classes, pairs_of_rows
from simx.evaluation.vectors import Embeddings, Floats, Places
from simx.results.schema.evaluation import (
    Estimate,
    FigureName,
    Retrieval,
    Separation,
    TruthKind,
    Units,
)

_Statistic = Callable[[Floats], dict[str, float]]
"""Figures by name, as a function of how often each unit counts."""

_RETRIEVAL = (*(f"recall_at_{depth}" for depth in DEPTHS), "map_at_r")

RANKED_BY: dict[TruthKind, FigureName] = {
    "classes": "map_at_r",
    "changes": "map_at_r",
    "triplets": "triplet_accuracy",
    "pairs": "roc_auc",
}
"""The figure that says which backbone is best. Of those of retrieval, MAP@R differs most between
embeddings (Musgrave et al. 2020)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """How N embedded pictures are related, and how figures of them are resampled.

    ``labels`` [N] are their classes, None with a list. ``queries`` [Q] are the pictures to search
    neighbours for: all, or the anchors of a list. ``query_units`` [Q] are their units in a
    bootstrap, ``left_units`` and ``right_units`` [P] those of the pairs; there are ``units``.
    ``folds`` are for the accuracy on held-out pairs, None without one.
    """

    kind: TruthKind
    labels: Places | None
    pairs: Pairs
    folds: Folds | None
    queries: Places
    query_units: Places
    left_units: Places
    right_units: Places
    units: int
    resamples: int
    seed: int


def truth_of(pictures: Pictures, units: Units, resamples: int, seed: int) -> Truth:
    """Return how the pictures, in the order of files and their changes, are related."""
    if pictures.kind in {"pairs", "triplets"}:
        pairs, labels = pairs_of_rows(pictures.kind, pictures.rows, pictures.same), None
        queries, left = np.unique(pairs.left, return_inverse=True)
        right, of = left, np.arange(len(queries))
    else:
        files = np.unique(pictures.labels, return_inverse=True)[1]
        labels = np.repeat(files, len(pictures.changes))
        pairs, queries = pairs_of_classes(labels, seed), np.arange(len(labels))
        of = labels if units == "classes" else queries
        left, right = of[pairs.left], of[pairs.right]
    return Truth(
        kind=pictures.kind,
        labels=labels,
        pairs=pairs,
        folds=folds_of(pairs, seed),
        queries=queries,
        query_units=of,
        left_units=left,
        right_units=right,
        units=int(of.max()) + 1,
        resamples=resamples,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """A cell's figures, each with its interval.

    ``ranked`` is the one that ranks cells, and ``draws`` [B] has its resamples. ``found`` are the
    neighbours of all pictures, and ``search_seconds`` what their search took.
    """

    retrieval: Retrieval | None
    triplet_accuracy: Estimate | None
    separation: Separation
    neighbours: int
    neighbours_kept: Estimate | None
    ranked: float
    draws: NDArray[np.float64]
    found: Found
    search_seconds: float


def figures(
    embeddings: Embeddings,
    truth: Truth,
    reference: Found | None,
    threads: int = 1,
    tick: Callable[[int], None] = lambda _: None,
) -> Figures:
    """Return a cell's figures.

    Args:
        embeddings: Those of N pictures.
        truth: Their relations.
        reference: The neighbours by torch's embedding in fp32, if there is one.
        threads: For the search.
        tick: Called with the number of finished queries.
    """
    begun = time.monotonic()
    found = search(embeddings, truth.labels, threads, tick)
    search_seconds = time.monotonic() - begun
    pairs = _Separated(embeddings, truth)
    statistics: list[_Statistic] = [pairs.statistic]
    relevant = found.relevant[truth.queries] > 0
    if truth.labels is not None:
        values = np.column_stack([found.recalls, found.precision_at_r])[relevant]
        statistics.append(_means(_RETRIEVAL, values, truth.query_units[relevant]))
    if reference is not None:
        shares = kept(found, reference)[truth.queries, np.newaxis]
        statistics.append(_means(("neighbours_kept",), shares, truth.query_units))
    if truth.kind == "triplets":
        statistics.append(_means(("triplet_accuracy",), pairs.wins, truth.left_units[::2]))
    drawn = _Drawn(statistics, truth)
    retrieval = {name: drawn.estimate(name) for name in _RETRIEVAL if name in drawn.values}
    ranked_by = RANKED_BY[truth.kind]
    return Figures(
        retrieval=Retrieval(queries=int(relevant.sum()), **retrieval) if retrieval else None,
        triplet_accuracy=drawn.if_any("triplet_accuracy"),
        separation=pairs.record(drawn),
        neighbours=found.nearest.shape[1],
        neighbours_kept=drawn.if_any("neighbours_kept"),
        ranked=drawn.values[ranked_by],
        draws=drawn.draws[ranked_by],
        found=found,
        search_seconds=search_seconds,
    )


class _Drawn:
    """Figures of the pictures as they are, ``values``, and of each resample, ``draws`` [B]."""

    def __init__(self, statistics: Sequence[_Statistic], truth: Truth) -> None:
        def of(counts: Floats) -> dict[str, float]:
            return {name: its for each in statistics for name, its in each(counts).items()}

        resamples = [of(each) for each in drawn_counts(truth.units, truth.resamples, truth.seed)]
        self._units = truth.units
        self.values = of(np.ones(truth.units))
        self.draws = {name: np.array([each[name] for each in resamples]) for name in self.values}

    def estimate(self, name: str) -> Estimate:
        """Return a figure with its interval."""
        is_share = name != "margin"
        return estimated(self.values[name], self.draws[name], self._units, share=is_share)

    def if_any(self, name: str) -> Estimate | None:
        """Return a figure with its interval; None where it is not among these, or undefined."""
        return None if np.isnan(self.values.get(name, np.nan)) else self.estimate(name)


class _Separated:
    """The pairs of a truth with their cosines by some embeddings."""

    def __init__(self, embeddings: Embeddings, truth: Truth) -> None:
        pairs, self._truth = truth.pairs, truth
        self._cosines = embeddings.cosines(pairs.left, pairs.right)
        self._ranking = Ranking(self._cosines, pairs.same)
        every = self._ranking.curve(np.ones(len(pairs.same)))
        self._best = int(np.argmax(every.accuracies))
        folds = truth.folds
        self._right = None if folds is None else right_on_held_out(self._cosines, pairs, folds)
        self._is_within = truth.left_units == truth.right_units

    @property
    def wins(self) -> Floats:
        """1.0 for each triplet whose positive is nearer to the anchor than its negative, [T, 1]."""
        differences = np.round(self._cosines[::2] - self._cosines[1::2], DECIMALS)
        return (differences > 0).astype(np.float64)[:, np.newaxis]

    def statistic(self, counts: Floats) -> dict[str, float]:
        """Return the figures of pairs."""
        same, right = self._truth.pairs.same, self._right
        left, other = counts[self._truth.left_units], counts[self._truth.right_units]
        # A pair of two units is drawn as often as both together (Snijders & Borgatti 1999).
        weights = np.where(self._is_within, left, left * other)
        curve = self._ranking.curve(weights)
        positive, negative = (
            self._cosines @ each / (each.sum() or np.nan)
            for each in (weights * same, weights * ~same)
        )
        return {
            "roc_auc": curve.area,
            "equal_error_rate": curve.equal_error_rate,
            "accuracy": float(curve.accuracies[self._best]),
            "held_out_accuracy": np.nan if right is None else balanced(right, same, weights),
            "margin": float(positive - negative),
        }

    def record(self, drawn: _Drawn) -> Separation:
        """Return the record of a report."""
        same = self._truth.pairs.same
        return Separation(
            roc_auc=drawn.estimate("roc_auc"),
            equal_error_rate=drawn.estimate("equal_error_rate"),
            accuracy=drawn.estimate("accuracy"),
            held_out_accuracy=drawn.if_any("held_out_accuracy"),
            margin=drawn.estimate("margin"),
            threshold=self._ranking.threshold(self._best),
            folds=0 if self._truth.folds is None else int(self._truth.folds[0].max()) + 1,
            positive=distribution(self._cosines[same]),
            negative=distribution(self._cosines[~same]),
        )


def _means(names: Sequence[str], values: Floats, units: Places) -> _Statistic:
    """Return the means of values [Q, F], each row of which counts as often as its unit."""

    def means(counts: Floats) -> dict[str, float]:
        weights = counts[units]
        found = weights @ values / (weights.sum() or np.nan)
        return dict(zip(names, found.tolist(), strict=True))

    return means
