"""How embedded pictures are related: pairs of them, folds, and what a bootstrap draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from simx.evaluation.truth import Pictures
from simx.evaluation.vectors import Places
from simx.results.schema.evaluation import TruthKind, Units

MOST_PAIRS = 200_000
"""Pairs of pictures in the figures of separation; of more, a sample without repetition is taken."""

MOST_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of embedded pictures, and whether they belong together; each array is [P].

    ``population`` is the number of pairs that these are taken from.
    """

    left: Places
    right: Places
    same: NDArray[np.bool_]
    population: int


@dataclass(frozen=True, slots=True)
class Truth:
    """How N embedded pictures are related, and how figures of them are resampled.

    ``labels`` [N] are their classes, None with a list. ``queries`` [Q] are the pictures to search
    neighbours for: all, or the anchors of a list. ``unit_of`` [N] are the units that a bootstrap
    draws, -1 for pictures that are only second in a list. ``fold_of`` [N] are the folds for the
    accuracy on held-out pairs, -1 for pictures without a pair; None without that accuracy.
    """

    kind: TruthKind
    labels: Places | None
    pairs: Pairs
    queries: Places
    unit_of: Places
    fold_of: Places | None
    resamples: int
    seed: int

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(self.unit_of.max()) + 1


def truth_of(pictures: Pictures, units: Units, resamples: int, seed: int) -> Truth:
    """Return how the pictures, in the order of files and their changes, are related."""
    labels: Places | None = None
    if pictures.kind in {"pairs", "triplets"}:
        pairs = pairs_of_rows(pictures.kind, pictures.rows, pictures.same)
        queries, unit_of = np.unique(pairs.left), np.full(len(pictures.files), -1)
        unit_of[queries] = np.arange(len(queries))
        edges = np.ones(len(pairs.left)), (pairs.left, pairs.right)
        graph = coo_array(edges, (len(unit_of), len(unit_of)))
        groups = connected_components(graph, directed=False)[1].astype(np.int64)
    else:
        files = np.unique(pictures.labels, return_inverse=True)[1]
        labels = groups = np.repeat(files, len(pictures.changes))
        pairs, queries = pairs_of_classes(labels, seed), np.arange(len(labels))
        unit_of = labels if units == "classes" else queries
    return Truth(
        kind=pictures.kind,
        labels=labels,
        pairs=pairs,
        queries=queries,
        unit_of=unit_of,
        # A fold of one class has no pair of two classes, but pairs of a list are within a group.
        fold_of=_folds(pairs, groups, 1 if labels is None else 2, seed),
        resamples=resamples,
        seed=seed,
    )


def pairs_of_classes(labels: Places, seed: int) -> Pairs:
    """Return all pairs of pictures, or a sample with as many of each kind.

    Args:
        labels: The class of each picture, [N], in ascending order.
        seed: Decides the sample.
    """
    population = len(labels) * (len(labels) - 1) // 2
    if population <= MOST_PAIRS:
        right, left = np.tril_indices(len(labels), -1)
    else:
        left, right = _sampled_pairs(labels, np.random.default_rng(seed))
    return Pairs(left, right, labels[left] == labels[right], population)


def pairs_of_rows(kind: TruthKind, rows: Places, same: NDArray[np.bool_]) -> Pairs:
    """Return the pairs of a list; a triplet has two."""
    if kind == "pairs":
        return Pairs(rows[:, 0], rows[:, 1], same, len(rows))
    each = np.tile([True, False], len(rows))
    return Pairs(np.repeat(rows[:, 0], 2), rows[:, 1:].ravel(), each, len(each))


def _folds(pairs: Pairs, groups: Places, fewest: int, seed: int) -> Places | None:
    """Deal whole groups into ``MOST_FOLDS`` folds at the most, of at least so many groups.

    Groups are classes, or the parts of a list that have no picture in common.

    Returns:
        The fold of each picture; None where there are too few groups to have pairs of both kinds in
        all folds together, and beside each fold.
    """
    paired = np.unique([pairs.left, pairs.right])
    numbers, places = np.unique(groups[paired], return_inverse=True)
    count = min(MOST_FOLDS, len(numbers) // fewest)
    if count <= 1:
        return None
    order = np.random.default_rng(seed).permutation(len(numbers))
    fold_of = np.full(len(groups), -1)
    fold_of[paired] = (order % count)[places]
    left, right = fold_of[pairs.left], fold_of[pairs.right]
    rests = [(left != fold) & (right != fold) for fold in range(count)]
    has_both = (len(set(pairs.same[part])) == 2 for part in (left == right, *rests))  # noqa: PLR2004
    return fold_of if all(has_both) else None


def _sampled_pairs(labels: Places, draw: np.random.Generator) -> tuple[Places, Places]:
    """Return a sample of pairs (left < right) without repetition, half of the same class."""
    places = np.arange(len(labels))
    _, firsts, of = np.unique(labels, return_index=True, return_inverse=True)
    starts = firsts[of]
    same = _drawn_pairs(starts, places - starts, MOST_PAIRS // 2, draw)
    different = _drawn_pairs(0 * starts, starts, MOST_PAIRS - same.shape[1], draw)
    left, right = np.concatenate([same, different], axis=1)
    return left, right


def _drawn_pairs(starts: Places, counts: Places, most: int, draw: np.random.Generator) -> Places:
    """Return pairs of each picture with the ``counts`` pictures from ``starts`` on, [2, P]."""
    ends = np.cumsum(counts)
    taken = draw.choice(ends[-1], min(most, ends[-1]), replace=False)
    right = np.searchsorted(ends, taken, side="right")
    return np.stack([taken - ends[right] + counts[right] + starts[right], right])
