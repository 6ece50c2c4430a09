"""Where the level of a series changed: both detectors by definition, and their verdict."""

import math
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.history.change_points import (
    FEWEST,
    PENALTY,
    SHORTEST,
    LevelChange,
    Weighted,
    energy_changes,
    energy_split,
    level_changes,
    partition,
    remaining,
)
from simx.results.statistics.moderation import prior

Values = npt.NDArray[np.float64]

values = st.lists(st.integers(0, 20), min_size=2 * SHORTEST, max_size=9)


def changes(logs: Values, error: float = math.nan) -> tuple[LevelChange, ...]:
    return level_changes(logs, np.full(len(logs), error))


def noise(seed: int, count: int = 60, spread: float = 0.01) -> Values:
    return np.random.default_rng(seed).normal(0, spread, count)


def stepped(seed: int, at: int, size: float, count: int = 60) -> Values:
    return noise(seed, count) + size * (np.arange(count) >= at)


@given(values)
def test_the_partition_is_the_best_of_all(found: list[int]) -> None:
    """No other places of new levels cost less than those that are found."""
    logs = np.array(found, dtype=np.float64)
    weighted = Weighted(logs, np.linspace(0.5, 1.5, len(logs)))

    def cost(places: tuple[int, ...]) -> float:
        parts = list(pairwise((0, *places, len(logs))))
        rest = math.fsum(
            float(w @ (part - np.average(part, weights=w)) ** 2)
            for a, b in parts
            for part, w in [(logs[a:b], weighted.weights[a:b])]
        )
        return rest + PENALTY * math.log(len(logs)) * len(places)

    possible = [
        places
        for count in range(len(logs) // SHORTEST)
        for places in combinations(range(SHORTEST, len(logs) - SHORTEST + 1), count)
        if all(b - a >= SHORTEST for a, b in pairwise((0, *places, len(logs))))
    ]

    assert cost(tuple(partition(weighted))) == pytest.approx(min(map(cost, possible)), abs=1e-9)


@given(values)
def test_the_split_is_that_of_the_definition(found: list[int]) -> None:
    """E-divisive's place has the largest statistic of all, as Matteson and James define it."""
    logs = np.array(found, dtype=np.float64)

    def statistic(at: int, end: int) -> float:
        one, other = logs[:at], logs[at:end]
        n, m = len(one), len(other)
        between = 2 / (n * m) * sum(abs(a - b) for a in one for b in other)
        within = sum(
            sum(abs(a - b) for a, b in combinations(part, 2)) / math.comb(len(part), 2)
            for part in (one, other)
        )
        return float(n * m / (n + m) * (between - within))

    places = range(SHORTEST, len(logs) - SHORTEST + 1)
    best = {at: max(statistic(at, b) for b in range(at + SHORTEST, len(logs) + 1)) for at in places}

    assert best[energy_split(logs)] == pytest.approx(max(best.values()), abs=1e-9)


@pytest.mark.parametrize("detect", [partition, energy_changes])
def test_each_detector_finds_a_large_step(detect: object) -> None:
    """Both see where a level begins that is ten spreads higher."""
    assert callable(detect)
    logs = stepped(1, 40, 0.1)

    assert list(detect(Weighted(logs, np.full(60, 1e4)))) == [40]


@pytest.mark.parametrize("size", [0.05, -0.05])
def test_a_change_has_its_place_and_its_size(size: float) -> None:
    """A step is found where it is, and its interval holds it."""
    (found,) = changes(stepped(2, 33, size))

    assert found.at == 33
    assert found.first <= 33 <= found.last
    assert abs(found.size - size) <= found.half < 0.01
    assert found.p < 1e-6


def test_two_changes_are_both_found() -> None:
    """A level that comes and goes has two changes, the second of which takes the first back."""
    logs = stepped(3, 20, 0.05) - 0.05 * (np.arange(60) >= 40)

    first, second = changes(logs)

    assert (first.at, second.at) == (20, 40)
    assert first.size == pytest.approx(-second.size, abs=0.01)


def test_a_change_shows_on_its_second_report() -> None:
    """A large change is found as soon as two reports have it, and not from one."""
    logs = stepped(4, 30, 0.1)

    assert [each.at for each in changes(logs[:32])] == [30]
    assert changes(logs[:31]) == ()


@pytest.mark.parametrize(
    "logs",
    [
        np.zeros(30),
        np.where(np.arange(30) == 15, 0.5, 0.0),
        noise(5) + np.where(np.arange(60) == 30, 0.5, 0.0),
        np.array([0.0] * 3 + [1.0] * (FEWEST - 4)),
    ],
    ids=["equal", "one outlier", "one outlier in noise", "too few"],
)
def test_what_is_no_change(logs: Values) -> None:
    """Equal values, a single outlier and too few values have no change."""
    assert changes(logs) == ()


def test_noise_rarely_has_a_change() -> None:
    """Of 300 series of noise, at most one in twenty has a change by itself."""
    assert sum(bool(changes(noise(seed))) for seed in range(300)) <= 15


def test_drift_is_allowed_for() -> None:
    """Of 200 series whose values resemble their predecessors, at most one in ten has a change."""
    random = np.random.default_rng(6)
    logs = random.normal(size=(200, 60))
    for at in range(1, 60):
        logs[:, at] += 0.5 * logs[:, at - 1]

    assert sum(bool(changes(each)) for each in logs) <= 20


def test_imprecise_values_count_less() -> None:
    """Values whose errors are known to be large do not make a change."""
    logs = noise(7)
    logs[40:44] += 0.1
    errors = np.full(60, 1e-3)

    assert level_changes(logs, errors)
    errors[40:44] = 0.3
    assert level_changes(logs, errors) == ()


def test_short_series_lend_each_other_degrees_of_freedom() -> None:
    """A change in a short series is surer where others like it show what noise there is."""
    unknown = np.full(8, math.nan)
    others = np.random.default_rng(8).normal(0, 0.01, size=(20, 8))
    common = prior(remaining(each, unknown, ()) for each in others)
    logs = np.array([0.01, -0.01, 0.012, -0.008, 0.05, 0.03, 0.052, 0.032])

    (alone,) = level_changes(logs, unknown)
    (beside,) = level_changes(logs, unknown, common=common)

    assert alone.at == beside.at == 4
    assert alone.size == beside.size
    assert beside.p < alone.p / 10
    assert beside.half < alone.half


def test_a_series_unlike_the_others_is_lent_nothing() -> None:
    """A cell with far more noise than the others keeps to its own, and so to few false changes."""
    unknown = np.full(8, math.nan)
    others = np.random.default_rng(9).normal(0, 0.001, size=(20, 8))
    common = prior(remaining(each, unknown, ()) for each in others)
    noisy = np.random.default_rng(10).normal(0, 0.02, size=(300, 8))

    named = [changes(each) for each in noisy]

    assert [level_changes(each, unknown, common=common) for each in noisy] == named
    assert 0 < sum(map(bool, named)) <= 15


def test_cells_with_different_noise_rarely_have_a_change() -> None:
    """Of 100 targets of ten reports, at most one in twenty has a false change."""
    random = np.random.default_rng(11)
    false = 0
    for _ in range(100):
        cells = random.normal(0, 0.01, size=(20, 10)) * np.exp(random.normal(0, 1, size=(20, 1)))
        unknown = np.full(10, math.nan)
        common = prior(remaining(each, unknown, changes(each)) for each in cells)
        found = [level_changes(each, unknown, common=common) for each in cells]
        # Of 20 series, the surest one may be chance in a twentieth of 5 %.
        false += any(change.p <= 0.05 / 20 for each in found for change in each)

    assert false <= 5


def test_a_long_series_is_looked_at_in_windows() -> None:
    """Changes are found in each part of a series that is longer than a window."""
    logs = np.concatenate([stepped(8, 250, 0.05, 500), 0.05 + stepped(9, 200, -0.05, 450)])

    assert [each.at for each in changes(logs)] == [250, 700]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.floats(0, 10))
def test_any_series_is_taken(found: list[float], error: float) -> None:
    """Changes lie inside the series, in order, and their intervals are finite."""
    of = changes(np.array(found), error)

    assert [each.at for each in of] == sorted({each.at for each in of})
    for each in of:
        assert SHORTEST <= each.first <= each.at <= each.last <= len(found) - SHORTEST
        assert math.isfinite(each.size)
        assert math.isfinite(each.half)
        assert 0 <= each.p <= 0.05
