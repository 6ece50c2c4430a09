"""Comparisons of known ratios, put through the statistics of reports."""

from simx.runner.bench.schedule import PROFILES
from simx.selfcheck.simulation import Spread, simulate

PLANNED = PROFILES["default"]


def test_equals_are_found_different_as_often_as_promised() -> None:
    """At a nominal 5 %, of 2000 comparisons 3.7 to 6.4 % may be false alarms."""
    shares = simulate(1.0, Spread(), PLANNED, 2000, seed=1)

    assert 0.037 <= shares.significant <= 0.064
    assert shares.covered == 1 - shares.significant


def test_a_planned_precision_is_reached() -> None:
    """With a spread that needs more than the pilot, the median width is the one asked for."""
    shares = simulate(1.0, Spread(launch=0.02), PLANNED, 300, seed=2)

    assert shares.launches > PLANNED.pilot
    assert shares.half_width <= 0.0151


def test_a_large_difference_is_always_found_and_its_size_held() -> None:
    """Ten per cent cannot be missed, and 95 of 100 intervals hold it."""
    shares = simulate(1.1, Spread(), PLANNED, 1000, seed=3)

    assert shares.significant == 1
    assert 0.93 <= shares.covered <= 0.97


def test_the_same_seed_repeats() -> None:
    """A figure of a document can be had again."""
    assert simulate(1.0, Spread(), PLANNED, 20) == simulate(1.0, Spread(), PLANNED, 20)
