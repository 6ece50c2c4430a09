"""The figures of one cell, with the draws of their bootstrap, from its embeddings and the truth."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simx.evaluation.bootstrap import Drawn, Statistic
from simx.evaluation.neighbours import DEPTHS, Found, kept, search
from simx.evaluation.relations import Truth
from simx.evaluation.separation import Separated
from simx.evaluation.vectors import Embeddings, Floats, Places
from simx.results.schema.evaluation import Estimate, FigureName, Retrieval, Separation, TruthKind

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
class Figures:
    """A cell's figures, each with its interval.

    ``drawn`` has all of them with their resamples. ``found`` are the neighbours of all pictures,
    and ``search_seconds`` what their search took.
    """

    retrieval: Retrieval | None
    triplet_accuracy: Estimate | None
    separation: Separation
    neighbours_kept: Estimate | None
    drawn: Drawn
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
    pairs = Separated(embeddings, truth)
    statistics: list[Statistic] = [pairs.statistic]
    relevant, units = found.relevant[truth.queries] > 0, truth.unit_of[truth.queries]
    if truth.labels is not None:
        values = np.column_stack([found.recalls, found.precision_at_r])[relevant]
        statistics.append(_means(_RETRIEVAL, values, units[relevant]))
    if reference is not None:
        shares = kept(found, reference)[truth.queries, np.newaxis]
        statistics.append(_means(("neighbours_kept",), shares, units))
    if truth.kind == "triplets":
        anchors = truth.pairs.left[::2]
        statistics.append(_means(("triplet_accuracy",), pairs.wins, truth.unit_of[anchors]))
    drawn = Drawn(statistics, truth.units, truth.resamples, truth.seed)
    retrieval = {name: drawn.estimate(name) for name in _RETRIEVAL if name in drawn.values}
    return Figures(
        retrieval=Retrieval(queries=int(relevant.sum()), **retrieval) if retrieval else None,
        triplet_accuracy=drawn.if_any("triplet_accuracy"),
        separation=pairs.record(drawn),
        neighbours_kept=drawn.if_any("neighbours_kept"),
        drawn=drawn,
        found=found,
        search_seconds=search_seconds,
    )


def _means(names: Sequence[str], values: Floats, units: Places) -> Statistic:
    """Return the means of values [Q, F], each row of which counts as often as its unit."""

    def means(counts: Floats) -> dict[str, float]:
        weights = counts[units]
        found = weights @ values / (weights.sum() or np.nan)
        return dict(zip(names, found.tolist(), strict=True))

    return means
