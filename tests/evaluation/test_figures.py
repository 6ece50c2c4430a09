"""The figures equal those of an independent, plain computation, and scikit-learn's own.

What is compared with is written for clearness and not for speed: loops over queries and pairs.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve
from sklearn.metrics.pairwise import cosine_similarity

from simx.evaluation import neighbours
from simx.evaluation.judging import Figures, figures
from simx.evaluation.neighbours import search
from simx.evaluation.relations import Truth, truth_of
from simx.evaluation.truth import Pictures
from simx.evaluation.vectors import Embeddings
from simx.results.schema.evaluation import Estimate, TruthKind, Units

TOLERANCE = 1e-9

Rows = NDArray[np.float32]
Floats = NDArray[np.float64]

SIZES = (6, 5, 1, 4, 7, 3, 5)
"""Pictures of each class; one is alone, and has no picture to find."""

LABELS = np.repeat(np.arange(len(SIZES)), SIZES)


def clustered(seed: int, noise: float, dim: int = 16) -> Rows:
    """Embeddings whose classes overlap, with very different lengths."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((len(SIZES), dim))
    rows = centres[LABELS] + noise * draw.standard_normal((len(LABELS), dim))
    rows *= 10.0 ** draw.uniform(-12, 12, (len(LABELS), 1))
    return rows.astype(np.float32)


def embeddings(rows: Rows) -> Embeddings:
    """As they come from the disk, where rows have another order."""
    order = np.random.default_rng(9).permutation(len(rows))
    stored = np.empty_like(rows)
    stored[order] = rows
    return Embeddings(stored, order)


def pictures(
    kind: TruthKind = "classes",
    labels: NDArray[np.int64] = LABELS,
    rows: Sequence[Sequence[int]] = (),
    same: Sequence[bool] = (),
) -> Pictures:
    return Pictures(
        kind=kind,
        files=tuple(Path(str(place)) for place in range(len(labels))),
        labels=labels if kind == "classes" else np.empty(0, np.int64),
        rows=np.array(rows, np.int64) if rows else np.empty((0, 3), np.int64),
        same=np.array(same, np.bool_),
    )


def judged(rows: Rows, units: Units = "queries", resamples: int = 200) -> Figures:
    return figures(embeddings(rows), truth_of(pictures(), units, resamples, seed=5), None)


def plain_retrieval(rows: Rows) -> dict[str, Floats]:
    """Each query's recalls and average precision at R, one after the other."""
    cosines = cosine_similarity(rows.astype(np.float64))
    found: dict[str, list[float]] = {"1": [], "5": [], "10": [], "map": []}
    for query, label in enumerate(LABELS):
        others = [place for place in range(len(LABELS)) if place != query]
        others.sort(key=lambda place: -cosines[query, place])
        hits = [bool(LABELS[place] == label) for place in others]
        relevant = sum(hits)
        if not relevant:
            continue
        for depth in ("1", "5", "10"):
            found[depth].append(float(any(hits[: int(depth)])))
        precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(relevant) if hits[rank]]
        found["map"].append(sum(precisions) / relevant)
    return {name: np.array(values) for name, values in found.items()}


def plain_pairs(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.bool_], Floats]:
    cosines = cosine_similarity(rows.astype(np.float64))
    pairs = np.array(list(combinations(range(len(LABELS)), 2)))
    return pairs, LABELS[pairs[:, 0]] == LABELS[pairs[:, 1]], cosines[pairs[:, 0], pairs[:, 1]]


def interval(draws: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


NOISES = pytest.mark.parametrize("noise", [0.8, 1.5, 4.0])


@NOISES
def test_retrieval_equals_a_plain_search(noise: float) -> None:
    """Recall@1, 5, 10 and MAP@R are the means of each query's own figures."""
    rows = clustered(1, noise)
    its, plain = judged(rows).retrieval, plain_retrieval(rows)
    assert its is not None

    found = {
        "1": its.recall_at_1.value,
        "5": its.recall_at_5.value,
        "10": its.recall_at_10.value,
        "map": its.map_at_r.value,
    }
    assert found == pytest.approx(
        {name: values.mean() for name, values in plain.items()}, abs=TOLERANCE
    )
    assert its.queries == len(LABELS) - 1


@NOISES
def test_intervals_over_queries_equal_drawn_queries(noise: float) -> None:
    """The interval of a mean is that of the means of the drawn queries."""
    rows = clustered(2, noise)
    values = np.full(len(LABELS), np.nan)
    values[LABELS != 2] = plain_retrieval(rows)["map"]
    draw = np.random.default_rng(5)
    means = [np.nanmean(values[draw.integers(len(LABELS), size=len(LABELS))]) for _ in range(200)]

    its = judged(rows).retrieval
    assert its is not None
    assert ends(its.map_at_r) == pytest.approx(interval(means), abs=TOLERANCE)


@NOISES
def test_intervals_over_classes_equal_drawn_classes(noise: float) -> None:
    """A drawn class brings all its queries."""
    rows = clustered(3, noise)
    values = np.full(len(LABELS), np.nan)
    values[LABELS != 2] = plain_retrieval(rows)["map"]
    draw, means = np.random.default_rng(5), []
    for _ in range(200):
        drawn = draw.integers(len(SIZES), size=len(SIZES))
        means.append(np.nanmean(np.concatenate([values[each == LABELS] for each in drawn])))

    its = judged(rows, "classes").retrieval
    assert its is not None
    assert ends(its.map_at_r) == pytest.approx(interval(means), abs=TOLERANCE)


@NOISES
def test_the_roc_curve_equals_that_of_scikit_learn(noise: float) -> None:
    """Area, equal error rate, and the best balanced accuracy are those of its curve."""
    rows = clustered(4, noise)
    _, same, cosines = plain_pairs(rows)
    false_positives, true_positives, _ = roc_curve(same, cosines, drop_intermediate=False)
    rate = brentq(
        lambda at: 1 - at - np.interp(at, false_positives, true_positives), 0.0, 1.0, xtol=1e-14
    )
    its = judged(rows).separation

    assert its.roc_auc.value == pytest.approx(roc_auc_score(same, cosines), abs=TOLERANCE)
    assert its.equal_error_rate.value == pytest.approx(rate, abs=TOLERANCE)
    best = (true_positives + 1 - false_positives).max() / 2
    assert its.accuracy.value == pytest.approx(best, abs=TOLERANCE)
    at_threshold = balanced_accuracy_score(same, cosines >= its.threshold)
    assert at_threshold == pytest.approx(best, abs=TOLERANCE)


@NOISES
def test_intervals_of_pairs_equal_those_of_drawn_pictures(noise: float) -> None:
    """A resample has every pair of two drawn pictures, and none of a picture with itself."""
    rows = clustered(6, noise)
    cosines = cosine_similarity(rows.astype(np.float64))
    draw, areas, margins = np.random.default_rng(5), [], []
    for _ in range(200):
        drawn = draw.integers(len(LABELS), size=len(LABELS))
        pairs = [(a, b) for a, b in combinations(drawn, 2) if a != b]
        same = np.array([LABELS[a] == LABELS[b] for a, b in pairs])
        values = np.array([cosines[a, b] for a, b in pairs])
        areas.append(roc_auc_score(same, values))
        margins.append(values[same].mean() - values[~same].mean())
    its = judged(rows).separation

    assert ends(its.roc_auc) == pytest.approx(interval(areas), abs=TOLERANCE)
    assert ends(its.margin) == pytest.approx(interval(margins), abs=TOLERANCE)


@NOISES
def test_held_out_folds_have_no_part_in_their_threshold(noise: float) -> None:
    """Each fold of classes is judged at the threshold of the pairs without any of its classes."""
    rows = clustered(7, noise)
    truth = truth_of(pictures(), "queries", 100, seed=5)
    assert truth.fold_of is not None
    left, right = truth.fold_of[truth.pairs.left], truth.fold_of[truth.pairs.right]
    cosines = embeddings(rows).cosines(truth.pairs.left, truth.pairs.right)
    guesses, answers = [], []
    for fold in range(3):
        rest = (left != fold) & (right != fold)
        false_positives, true_positives, thresholds = roc_curve(
            truth.pairs.same[rest], cosines[rest], drop_intermediate=False
        )
        place = int(np.argmax(true_positives - false_positives))
        lower = thresholds[min(place + 1, len(thresholds) - 1)]
        held = (left == fold) & (right == fold)
        guesses += (cosines[held] >= (thresholds[place] + lower) / 2).tolist()
        answers += truth.pairs.same[held].tolist()
    its = figures(embeddings(rows), truth, None).separation

    assert its.folds == 3
    assert its.held_out_accuracy is not None
    assert its.held_out_accuracy.value == pytest.approx(
        balanced_accuracy_score(answers, guesses), abs=TOLERANCE
    )


def listed(kind: TruthKind, parts: int, seed: int) -> Truth:
    """A list whose pictures are in up to three roles each, in parts without a common picture."""
    draw, rows = np.random.default_rng(seed), []
    for part in range(parts):
        own = 10 * part + draw.permutation(10)
        chain = [own[[place, place + 1, place + 2]] for place in range(0, 8, 2)]
        rows += [row if kind == "triplets" else row[:2] for row in chain]
        rows += [] if kind == "triplets" else [row[1:] for row in chain]
    shuffled = [rows[place].tolist() for place in draw.permutation(len(rows))]
    same = [place % 2 == 0 for place in range(len(rows))]
    return truth_of(pictures(kind, np.arange(10 * parts), shuffled, same), "queries", 100, seed)


LISTS = pytest.mark.parametrize("kind", ["pairs", "triplets"])


@LISTS
@pytest.mark.parametrize("parts", [2, 3, 7])
def test_no_picture_of_a_list_is_in_two_folds(kind: TruthKind, parts: int) -> None:
    """Lines that share a picture, also over others, are in one fold; every fold has some."""
    truth = listed(kind, parts, seed=parts)
    assert truth.fold_of is not None
    pairs, folds = truth.pairs, min(parts, 5)
    left, right = truth.fold_of[pairs.left], truth.fold_of[pairs.right]
    held = [
        {*pairs.left[left == fold].tolist(), *pairs.right[right == fold].tolist()}
        for fold in range(folds)
    ]

    assert all(held)
    assert sum(map(len, held)) == len(set().union(*held)) == len({*pairs.left, *pairs.right})


@LISTS
def test_a_list_in_one_part_has_no_held_out_accuracy(kind: TruthKind) -> None:
    """Whatever is held out has pictures in common with the rest."""
    truth = listed(kind, parts=1, seed=0)
    rows = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    its = figures(embeddings(rows), truth, None).separation

    assert its.held_out_accuracy is None
    assert its.folds == 0


@LISTS
def test_held_out_pictures_of_a_list_are_judged_by_all_others(kind: TruthKind) -> None:
    """The accuracy is that of each fold's pairs at the threshold of the others' pairs."""
    truth = listed(kind, parts=7, seed=1)
    assert truth.fold_of is not None
    rows = np.random.default_rng(0).standard_normal((70, 3)).astype(np.float32)
    cosines = cosine_similarity(rows.astype(np.float64))[truth.pairs.left, truth.pairs.right]
    fold_of, same, guesses = (
        truth.fold_of[truth.pairs.left],
        truth.pairs.same,
        np.zeros(len(cosines), np.bool_),
    )
    for fold in range(5):
        rest, held = fold_of != fold, fold_of == fold
        levels = np.sort(np.unique(cosines[rest]))[::-1]
        scores = [balanced_accuracy_score(same[rest], cosines[rest] >= at) for at in levels]
        best = int(np.argmax(scores))
        guesses[held] = cosines[held] >= levels[best : best + 2].mean()
    its = figures(embeddings(rows), truth, None).separation

    assert its.folds == 5
    assert its.held_out_accuracy is not None
    assert its.held_out_accuracy.value == pytest.approx(
        balanced_accuracy_score(same, guesses), abs=TOLERANCE
    )


def test_distributions_are_those_of_each_kind_of_pair() -> None:
    """Counts, means and quantiles are of the positive and of the negative cosines."""
    rows = clustered(8, 1.0)
    _, same, cosines = plain_pairs(rows)
    its = judged(rows).separation

    for found, kind in ((its.positive, same), (its.negative, ~same)):
        assert found.count == kind.sum()
        assert found.mean == pytest.approx(cosines[kind].mean(), abs=TOLERANCE)
        middle = found.quantiles[3]
        assert middle == pytest.approx(np.median(cosines[kind]), abs=TOLERANCE)


def test_kept_neighbours_are_shared_ones() -> None:
    """The share kept is the mean, over queries, of the neighbours that both embeddings have."""
    rows = clustered(9, 1.0)
    rounded = np.sign(rows)
    truth = truth_of(pictures(), "queries", 100, seed=5)
    reference = search(embeddings(rows), truth.labels)
    its = figures(embeddings(rounded), truth, reference)
    nearest = search(embeddings(rounded), truth.labels).nearest
    shares = [
        len(set(first) & set(second)) / 10
        for first, second in zip(nearest.tolist(), reference.nearest.tolist(), strict=True)
    ]

    assert nearest.shape[1] == 10
    assert its.neighbours_kept is not None
    assert its.neighbours_kept.value == pytest.approx(np.mean(shares), abs=TOLERANCE)
    assert 0.1 < its.neighbours_kept.value < 1.0


def test_blocks_do_not_change_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in blocks of a few queries and pictures finds what one block finds."""
    rows = embeddings(clustered(10, 1.0))
    whole = search(rows, LABELS)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 900)
    parts = search(rows, LABELS)

    assert np.array_equal(whole.nearest, parts.nearest)
    assert np.array_equal(whole.precision_at_r, parts.precision_at_r)


def test_equal_embeddings_find_nothing() -> None:
    """Of equally near pictures those of other classes come first, so a constant scores nothing."""
    its = judged(np.ones((len(LABELS), 4), np.float32))
    assert its.retrieval is not None

    assert its.retrieval.recall_at_1.value == 0.0
    assert its.separation.roc_auc.value == 0.5
    assert its.separation.equal_error_rate.value == 0.5


def test_perfect_figures_are_not_certain() -> None:
    """Where every query is right, the interval still allows for queries that are not."""
    rows = np.eye(len(SIZES), dtype=np.float32)[LABELS]
    its = judged(rows)
    assert its.retrieval is not None

    assert its.retrieval.recall_at_1.value == 1.0
    assert ends(its.retrieval.recall_at_1) == pytest.approx((0.025 ** (1 / len(LABELS)), 1.0))


def test_triplets_are_judged_one_by_one() -> None:
    """The share of triplets whose positive is nearer than their negative; equal ones are wrong."""
    rows = np.array([[1, 0], [1, 1], [0, 1], [1, 0.1], [2, 2]], np.float32)
    triplets = [(0, 1, 2), (0, 2, 1), (0, 3, 1), (2, 1, 4)]
    listed = pictures("triplets", np.arange(5), triplets, [True] * 4)
    its = figures(embeddings(rows), truth_of(listed, "queries", 100, 5), None)

    assert its.retrieval is None
    assert its.triplet_accuracy is not None
    assert its.triplet_accuracy.value == 0.5


def test_pairs_of_a_list_are_resampled_by_their_first_picture() -> None:
    """Pairs with the same first picture are drawn together."""
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((30, 6)).astype(np.float32)
    every = list(combinations(range(30), 2))
    pairs = [every[place] for place in draw.permutation(len(every))[:60]]
    same = [bool(each) for each in draw.integers(0, 2, 60)]
    truth = truth_of(pictures("pairs", np.arange(30), pairs, same), "queries", 200, 5)
    its = figures(embeddings(rows), truth, None)
    anchors = sorted({first for first, _ in pairs})
    cosines = cosine_similarity(rows.astype(np.float64))
    again, areas = np.random.default_rng(5), []
    for _ in range(200):
        drawn = [anchors[place] for place in again.integers(len(anchors), size=len(anchors))]
        places = [place for each in drawn for place in range(60) if pairs[place][0] == each]
        areas.append(
            roc_auc_score([same[place] for place in places], [cosines[pairs[p]] for p in places])
        )

    assert ends(its.separation.roc_auc) == pytest.approx(interval(areas), abs=TOLERANCE)
