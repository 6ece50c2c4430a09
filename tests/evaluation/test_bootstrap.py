"""Intervals, and which cells can be told apart from the best one."""

import numpy as np
import pytest
from scipy import stats

from simx.evaluation.bootstrap import behind_best, drawn_counts, estimated

RESAMPLES = 400


def draws_of(values: np.ndarray, seed: int) -> np.ndarray:
    """Return resampled means [B, T] of values [N, T], the same draws for all columns."""
    counts = drawn_counts(len(values), RESAMPLES, seed)
    return np.array([each @ values / each.sum() for each in counts])


def test_an_interval_of_a_mean_agrees_with_that_of_scipy() -> None:
    """Both are percentile intervals, of different draws."""
    values = np.random.default_rng(0).exponential(size=(200, 1))
    its = estimated(float(values.mean()), draws_of(values, 0)[:, 0], 200, share=False)
    other = stats.bootstrap(
        (values[:, 0],), np.mean, n_resamples=4000, method="percentile", rng=1
    ).confidence_interval

    assert (its.low, its.high) == pytest.approx((other.low, other.high), abs=0.03)


def test_too_many_resamples_without_a_figure_give_no_interval() -> None:
    """A tenth of the draws has none."""
    draws = np.where(np.arange(RESAMPLES) % 10 == 0, np.nan, 0.5)

    assert estimated(0.5, draws, 10, share=True).low is None
    assert behind_best([0.5, 0.4], [draws, draws])[1].low is None


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.6915, 1.0), (0.0, 0.0, 0.3085)])
def test_agreement_of_all_draws_is_no_certainty(value: float, low: float, high: float) -> None:
    """Ten of ten queries leave room for 31 % (Clopper and Pearson 1934)."""
    its = estimated(value, np.full(RESAMPLES, value), 10, share=True)

    assert (its.low, its.high) == pytest.approx((low, high), abs=1e-4)


def test_cells_that_always_agree_are_equally_good() -> None:
    """The same embeddings on another backend are not behind."""
    values = np.random.default_rng(0).random((50, 1)).repeat(3, axis=1)
    behind = behind_best(values.mean(axis=0).tolist(), list(draws_of(values, 0).T))

    assert [(each.low, each.value, each.high) for each in behind] == [(0.0, 0.0, 0.0)] * 3


def test_a_small_difference_that_all_queries_share_is_told_apart() -> None:
    """The draws are paired: what all queries have in common does not widen the interval."""
    common = np.random.default_rng(0).random(100)
    values = np.column_stack([common, common - 0.02])
    values[:, 1] += np.random.default_rng(1).normal(0, 0.01, 100)
    _, second = behind_best(values.mean(axis=0).tolist(), list(draws_of(values, 0).T))

    assert second.low is not None
    assert 0.01 < second.low < second.value < 0.03


def test_equal_cells_are_seldom_all_but_one_behind() -> None:
    """Of eight cells without a difference, some is behind the best in about 5 % of experiments.

    Unsimultaneous intervals would find one in about half of them.
    """
    wrong = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(size=(60, 8))
        behind = behind_best(values.mean(axis=0).tolist(), list(draws_of(values, seed).T))
        wrong += any(each.low is not None and each.low > 0 for each in behind)

    assert 1 <= wrong <= 20
