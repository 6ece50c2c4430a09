"""Variances of few launches, moderated by those of a run's other backbones."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import polygamma, stdtrit

from simx.results.statistics.moderation import (
    FEWEST_VARIANCES,
    Part,
    Prior,
    moderated,
    prior,
    spread,
    variance,
)

Regime = Callable[[np.random.Generator, tuple[int, int]], npt.NDArray[np.float64]]

REGIMES: dict[str, Regime] = {
    "equal": lambda _, size: np.ones(size),
    "as the prior has them": lambda random, size: 4 / random.chisquare(4, size),
    "heavy-tailed": lambda random, size: 1.5 / random.chisquare(1.5, size),
    "lognormal": lambda random, size: np.exp(random.normal(0, 1, size)),
    "a tenth 25 times as large": lambda random, size: np.where(
        random.random(size) < 0.1, 25.0, 1.0
    ),
    "half 4 times as large": lambda random, size: np.where(random.random(size) < 0.5, 4.0, 1.0),
}


@pytest.mark.parametrize("degrees", [3.0, 8.0])
def test_a_known_prior_is_found(degrees: float) -> None:
    """From many variances of four degrees of freedom that come from it."""
    random = np.random.default_rng(0)
    true = 2.0 * degrees / random.chisquare(degrees, 100_000)
    found = prior((value, 4.0) for value in true * random.chisquare(4, true.size) / 4)

    assert found is not None
    assert found.variance == pytest.approx(2.0, rel=0.03)
    assert found.degrees == pytest.approx(degrees, rel=0.05)


def test_variances_that_differ_by_chance_alone_are_one() -> None:
    """Each gets the degrees of freedom of all of them together."""
    degrees = 4.0
    # The quantiles of ten variances of the same thing differ by less than chance makes them.
    found = prior((1 + 0.01 * place, degrees) for place in range(10))

    assert found is not None
    assert math.isinf(found.degrees)
    assert moderated((0.5, degrees), found) == (found.variance, 40.0)


def test_few_variances_assume_nothing() -> None:
    """They cannot show how alike they are."""
    assert prior([(1.0, 2.0)] * (FEWEST_VARIANCES - 1)) is None
    assert moderated((3.0, 2.0), None) == (3.0, 2.0)


def test_equal_times_have_no_prior() -> None:
    """Most variances are 0, whose logarithm is not a number."""
    assert prior([(0.0, 2.0)] * 5 + [(1.0, 2.0)]) is None
    found = prior([(0.0, 2.0)] + [(1.0, 2.0)] * 5)
    assert found is not None
    assert 0 < found.variance < 10


parts = st.tuples(st.floats(1e-12, 1e6), st.floats(1, 40))


@given(own=parts, variance=st.floats(1e-12, 1e6), degrees=st.floats(0.1, 1e6))
def test_no_variance_is_moderated_downwards(own: Part, variance: float, degrees: float) -> None:
    """And none has fewer degrees of freedom than alone, or more than all together."""
    most = own[1] + 7
    got = moderated(own, Prior(variance=variance, degrees=degrees, most_degrees=most))

    assert own[0] <= got[0] <= max(own[0], variance * (1 + 1e-9))
    assert own[1] <= got[1] <= most


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("launches", [3, 5])
def test_intervals_have_their_level(regime: str, launches: int) -> None:
    """Over the backbones of 1,000 runs of 20, however unlike their variances are."""
    random = np.random.default_rng(1)
    true = REGIMES[regime](random, (1000, 20))
    logs = random.normal(size=(*true.shape, launches)) * np.sqrt(true)[..., np.newaxis]
    means, variances = logs.mean(axis=-1), logs.var(axis=-1, ddof=1)
    covered = []
    for mean_of, variance_of in zip(means, variances, strict=True):
        own = [(float(value), launches - 1.0) for value in variance_of]
        common = prior(own)
        assert common is not None
        for mean, part in zip(mean_of, own, strict=True):
            value, degrees = moderated(part, common)
            covered.append(abs(mean) <= stdtrit(degrees, 0.975) * math.sqrt(value / launches))

    assert 0.94 <= np.mean(covered) <= 0.97


def test_the_spread_is_the_pilot_s() -> None:
    """Launches after it were added because of it."""
    logs = {0: 1.0, 1: 1.2, 2: 9.0}

    assert spread(logs, pilot=2) == pytest.approx((0.02, 1))
    assert spread(logs) == pytest.approx((np.var([1.0, 1.2, 9.0], ddof=1), 2))
    assert spread({0: 1.0}) is None


def test_the_prior_s_degrees_solve_smyth_s_equation() -> None:
    """trigamma(d0 / 2) is what the logarithms' variance has beyond that of chance."""
    values = [0.1, 0.5, 1.0, 3.0, 20.0, 0.02]
    found = prior((value, 2.0) for value in values)

    assert found is not None
    beyond = variance([math.log(value) for value in values]) - polygamma(1, 1.0)
    assert polygamma(1, found.degrees / 2) == pytest.approx(beyond, rel=1e-6)
