"""Whether a time changed: right on paper, with intervals and corrections that hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control, ttest_ind

from simx.results.comparison.changes import (
    RunToRun,
    Shift,
    Verdict,
    benjamini_hochberg,
    holm,
    mean_shift,
    shift,
    smallest_seen,
    verdict,
)
from simx.results.comparison.digest import TimeDigest
from simx.results.statistics.moderation import spread

SAME = RunToRun(spread=0.0)

logs = st.lists(st.floats(min_value=0, max_value=30), min_size=2, max_size=8)
p_values = st.lists(st.floats(min_value=0, max_value=1), max_size=30)
spreads = st.floats(min_value=0.001, max_value=0.1)
machines = st.floats(min_value=-0.2, max_value=0.2)


def sample(*values: float, pilot: int | None = None) -> TimeDigest:
    logs = dict(enumerate(values))
    return TimeDigest(scope="forward", image=None, logs=logs, spread=spread(logs, pilot))


def test_an_interval_is_welch_s() -> None:
    """SciPy's test of two samples with unequal variances has the same interval and p-value."""
    base, new = [1.00, 1.02, 0.99, 1.01], [1.05, 1.10, 1.02]
    found = shift(sample(*base), sample(*new), SAME)
    theirs = ttest_ind(new, base, equal_var=False)
    low, high = theirs.confidence_interval(0.95)

    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p_above(0.0) == pytest.approx(theirs.pvalue)


def test_the_spread_between_runs_widens_it() -> None:
    """Its variance is added once for each run; known exactly, it has all degrees of freedom."""
    still = sample(*[1.0] * 5), sample(*[1.1] * 5)
    found = shift(*still, RunToRun(spread=0.01))

    assert found.half == pytest.approx(1.959964 * math.sqrt(2) * 0.01)
    assert shift(*still, SAME).half == 0


def test_a_spread_learnt_from_few_runs_widens_it_more() -> None:
    """What is known from three degrees of freedom is not known exactly."""
    found = shift(sample(*[1.0] * 5), sample(*[1.1] * 5), RunToRun(spread=0.01, degrees=3))

    assert found.half == pytest.approx(3.182446 * math.sqrt(2) * 0.01)


def test_the_pilot_judges_the_spread() -> None:
    """Launches after the pilot count for the mean alone, as everywhere."""
    with_more = shift(
        sample(1.0, 1.2, 1.1, 1.1, pilot=2), sample(1.0, 1.2, 1.1, 1.1, pilot=2), SAME
    )

    variance = 0.02 / 4
    assert with_more.error == pytest.approx(math.sqrt(2 * variance))
    assert with_more.degrees == pytest.approx(2)


def test_a_slower_machine_may_account_for_all_or_nothing() -> None:
    """Only the end towards no slowdown is moved, by what the canary shows."""
    base, new = sample(1.00, 1.02), sample(1.10, 1.12)
    plain, slower, faster = (shift(base, new, SAME, machine) for machine in (0.0, 0.05, -0.05))

    assert plain.low is not None
    assert plain.high is not None
    assert (slower.low, slower.high) == pytest.approx((plain.low - 0.05, plain.high))
    assert (faster.low, faster.high) == pytest.approx((plain.low, plain.high + 0.05))


def test_one_launch_says_nothing() -> None:
    """Neither does one on a single side; there is a middle, and no more."""
    found = shift(sample(1.0), sample(1.5, 1.6), SAME)

    assert found.center == pytest.approx(0.55)
    assert (found.low, found.high, found.p_above(0.0), found.p_below(0.0)) == (None,) * 4
    assert (verdict(found, 0.03), smallest_seen(found, 0.03)) == ("undecided", None)


@pytest.mark.parametrize(
    ("center", "half", "expected"),
    [
        (0.10, 0.02, "slower"),
        (-0.10, 0.02, "faster"),
        (0.00, 0.02, "equivalent"),
        (0.02, 0.005, "changed"),
        (-0.02, 0.005, "changed"),
        (0.03, 0.02, "undecided"),
        (0.00, 0.05, "undecided"),
        (-0.05, 0.03, "undecided"),
    ],
)
def test_verdicts(center: float, half: float, expected: Verdict) -> None:
    """A verdict is where the interval lies; across the threshold there is none."""
    error = half / 1.959964
    found = Shift(
        center=center,
        own=((error**2, math.inf),),
        common=(0.0, math.inf),
        machine=0.0,
        error=error,
        degrees=math.inf,
        half=half,
    )

    assert verdict(found, 0.03) == expected


@given(logs, logs, spreads, machines, st.floats(min_value=-0.2, max_value=0.2))
def test_a_p_value_and_the_interval_say_the_same(
    base: list[float], new: list[float], spread: float, machine: float, bound: float
) -> None:
    """Below 5 % exactly where the interval lies beyond the bound."""
    found = shift(sample(*base), sample(*new), RunToRun(spread=spread), machine)
    above, below = found.p_above(bound), found.p_below(bound)

    assert None not in (above, below, found.low, found.high)
    assert found.low is not None
    assert found.high is not None
    assert (above is not None and above < 0.05) == (found.low > bound) or math.isclose(
        found.low, bound, abs_tol=1e-9
    )
    assert (below is not None and below < 0.05) == (found.high < bound) or math.isclose(
        found.high, bound, abs_tol=1e-9
    )


@given(logs, logs, spreads)
def test_sides_change_places(base: list[float], new: list[float], spread: float) -> None:
    """The other way round a change is the same with the other sign."""
    run_to_run = RunToRun(spread=spread)
    there = shift(sample(*base), sample(*new), run_to_run)
    back = shift(sample(*new), sample(*base), run_to_run)

    assert back.center == pytest.approx(-there.center)
    assert back.low == pytest.approx(-there.high if there.high is not None else None)


def test_the_smallest_seen_is_what_would_just_be_slower() -> None:
    """A change of that size has an interval that begins at the threshold."""
    still = sample(*[1.0] * 5)
    found = shift(still, still, RunToRun(spread=0.01), machine=0.02)
    seen = smallest_seen(found, 0.03)
    assert seen is not None
    moved = sample(*[1.0 + math.log1p(seen)] * 5)

    assert shift(still, moved, RunToRun(spread=0.01), machine=0.02).low == pytest.approx(
        math.log1p(0.03)
    )


def test_a_mean_averages_what_is_each_cell_s_own() -> None:
    """And not what the two runs have in common."""
    run_to_run = RunToRun(spread=0.01)
    cells = [
        shift(sample(1.0, 1.1), sample(1.0, 1.1), run_to_run, machine=0.01) for _ in range(100)
    ]
    (own, _), _ = cells[0].own
    mean = mean_shift(cells, run_to_run)

    assert mean.error == pytest.approx(math.sqrt(2 * own / 100 + 2 * 0.01**2))
    assert mean.machine == pytest.approx(0.01)
    assert mean_shift(cells[:1], run_to_run).half == pytest.approx(cells[0].half)


def test_intervals_of_simulated_runs_cover_the_truth() -> None:
    """With launches of unequal spread and runs that differ by themselves, in 95 of 100."""
    generator = np.random.default_rng(20260105)
    run_to_run = RunToRun(spread=0.01)
    trials, truth = 4000, math.log(1.03)
    covered = 0
    for _ in range(trials):
        runs = generator.normal(0, run_to_run.spread, 2)
        base = sample(*generator.normal(runs[0], 0.02, 5))
        new = sample(*generator.normal(runs[1] + truth, 0.01, 7))
        found = shift(base, new, run_to_run)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high

    # Welch's degrees of freedom are approximate: within 1.5 points of 95 %, and chance.
    assert binom.ppf(0.0005, trials, 0.935) <= covered <= binom.ppf(0.9995, trials, 0.965)


def test_holm_by_hand() -> None:
    """The smallest counts for all, the next for all but one; none falls below one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_none_and_one() -> None:
    """Nothing to correct stays nothing, and a single comparison what it is."""
    assert holm([]) == benjamini_hochberg([]) == []
    assert holm([0.04]) == benjamini_hochberg([0.04]) == [0.04]


@given(p_values.filter(bool))
def test_benjamini_and_hochberg_agree_with_scipy(values: list[float]) -> None:
    """SciPy has the same procedure, which takes longer to import than all the rest."""
    assert benjamini_hochberg(values) == pytest.approx(list(false_discovery_control(values)))


@given(p_values)
def test_holm_is_never_stricter_than_bonferroni_nor_laxer_than_nothing(values: list[float]) -> None:
    """And it keeps the order of what it corrects."""
    corrected = holm(values)

    for before, after in zip(values, corrected, strict=True):
        assert before <= after <= min(1.0, before * len(values)) + 1e-12
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [corrected[index] for index in order] == sorted(corrected)
