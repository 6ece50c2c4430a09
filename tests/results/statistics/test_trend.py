"""Trends of long runs: found where there is one, and only there."""

import numpy as np
import pytest

from simx.results.statistics.trend import SEGMENTS, trend


def noise(seed: int, count: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


@pytest.mark.parametrize("per_run", [3.0, -3.0])
def test_a_trend_is_found(per_run: float) -> None:
    """With its size and its direction."""
    found = trend(list(100 + np.linspace(0, per_run, 400) + noise(1)))

    assert found is not None
    assert found.is_clear
    assert found.low < per_run < found.high
    assert found.change == pytest.approx(per_run, rel=0.35)


def test_without_a_trend_there_is_seldom_one() -> None:
    """In at most 5 % of the runs, and what chance adds to that."""
    clear = [(each := trend(list(noise(seed)))) and each.is_clear for seed in range(400)]

    assert sum(map(bool, clear)) <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5


def test_a_single_outlier_is_no_trend() -> None:
    """However large it is."""
    values = [100.0] * 400
    values[-1] = 1e6

    assert trend(values) == (0.0, 0.0, 0.0)


def test_too_few_values_have_no_trend() -> None:
    """Two for each segment are the fewest."""
    assert trend([1.0] * (2 * SEGMENTS - 1)) is None
    assert trend([1.0] * (2 * SEGMENTS)) == (0.0, 0.0, 0.0)
