"""Statistics of raw times: right on paper, and as sure of themselves as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ttest_1samp

from simx.results.schema.times import Block, Launch, block_median
from simx.results.statistics.estimates import (
    Estimate,
    Ratio,
    estimate,
    fastest,
    launch_estimate,
    minimum,
    ratio,
    summed,
    t_quantile,
)
from tests.results.builders import launches

times = st.integers(min_value=1, max_value=10**12)
blocks = st.lists(times, min_size=1, max_size=5)


def some_launches(count: int = 1) -> st.SearchStrategy[tuple[Launch, ...]]:
    of_one = st.lists(blocks, min_size=1, max_size=3)
    return st.lists(of_one, min_size=count, max_size=6).map(lambda drawn: launches(*drawn))


def scaled(of: tuple[Launch, ...], factor: int) -> tuple[Launch, ...]:
    return launches(*([[ns * factor for ns in b.ns] for b in launch.blocks] for launch in of))


def test_median_of_an_odd_block() -> None:
    """An outlier does not move the median."""
    assert block_median(Block(round=0, calls=1, ns=(10, 1_000_000, 12))) == 12


def test_median_of_an_even_block_of_batches() -> None:
    """The median is the mean of the two middle entries, per call."""
    assert block_median(Block(round=0, calls=4, ns=(100, 10, 20, 1))) == 15 / 4


def test_a_launch_is_the_geometric_mean_of_its_blocks() -> None:
    """Blocks of 10 and 40 ns make a launch of 20 ns."""
    (launch,) = launches([[10], [40]])

    assert launch_estimate(launch) == pytest.approx(20)


def test_stages_add_up_in_each_launch() -> None:
    """Typical times of the stages before are added to each call of the last one, by launch."""
    decode, preprocess = launches([[10, 30, 20]], [[100]], [[7]]), launches([[5]], [[60]])
    calls = Launch(index=1, blocks=(Block(round=0, calls=4, ns=(400, 800)),))
    first, second = summed([decode, preprocess], (launches([[1000]])[0], calls))

    assert launch_estimate(first) == pytest.approx(20 + 5 + 1000)
    assert second.blocks[0].ns == (4 * 160 + 400, 4 * 160 + 800)


def test_a_launch_that_lacks_a_stage_has_no_sum() -> None:
    """Nothing is added up over two processes."""
    of_one, of_three = launches([[5]]), launches([[10]], [[20]], [[30]])

    assert [launch.index for launch in summed([of_three, of_one], of_three)] == [0]


def test_estimate_of_launches() -> None:
    """The mean and the interval are those of Student's t on the logarithms, computed by hand."""
    typical = estimate(launches([[100]], [[200]], [[400]]))

    half = 4.302652729911275 * math.log(2) / math.sqrt(3)
    assert typical.median_ns == pytest.approx(200)
    assert typical.low_ns == pytest.approx(200 / math.exp(half))
    assert typical.high_ns == pytest.approx(200 * math.exp(half))
    assert (typical.launches, typical.calls) == (3, 3)


def test_estimate_counts_calls_not_entries() -> None:
    """Two entries of eight calls are sixteen calls."""
    assert estimate(launches([[100, 100]], calls=8)).calls == 16


def test_one_launch_has_no_interval() -> None:
    """With any number of calls, one launch does not show how much the next would differ."""
    typical = estimate(launches([[100] * 50, [101] * 50]))

    assert (typical.low_ns, typical.high_ns) == (None, None)


@given(some_launches(2), st.integers(min_value=1, max_value=1000))
def test_estimate_scales_with_the_times(of: tuple[Launch, ...], factor: int) -> None:
    """Times k times as long give an estimate and an interval k times as long."""
    once, scaled_up = estimate(of), estimate(scaled(of, factor))

    assert scaled_up.median_ns == pytest.approx(once.median_ns * factor)
    assert scaled_up.low_ns == pytest.approx((once.low_ns or 0) * factor)


@given(some_launches(2))
def test_estimate_lies_in_its_interval_and_in_the_data(of: tuple[Launch, ...]) -> None:
    """The interval holds the estimate, and the estimate lies between the extremes."""
    typical = estimate(of)
    entries = [ns for launch in of for block in launch.blocks for ns in block.ns]

    assert typical.low_ns is not None
    assert typical.high_ns is not None
    assert typical.low_ns <= typical.median_ns * (1 + 1e-9)
    assert typical.median_ns <= typical.high_ns * (1 + 1e-9)
    assert minimum(of) == min(entries)
    assert min(entries) * (1 - 1e-9) <= typical.median_ns <= max(entries) * (1 + 1e-9)


def test_ratio_is_paired_by_round() -> None:
    """What slows a whole round by half drops out of the ratio and its interval."""
    a = launches([[200], [300]], [[240], [202]])
    b = launches([[100], [150]], [[120], [101]])

    compared = ratio(a, b)

    assert compared is not None
    assert compared.value == pytest.approx(2)
    assert compared.low == pytest.approx(2)
    assert compared.high == pytest.approx(2)


def test_ratio_uses_only_common_rounds_and_launches() -> None:
    """A round or a launch that only one of the cells has does not count."""
    a = launches([[200], [999]], [[220]], [[1]])
    b = (*launches([[100]], [[100]]), Launch(index=7, blocks=launches([[5]])[0].blocks))

    compared = ratio(a, b)

    assert compared is not None
    assert compared.launches == 2
    assert compared.value == pytest.approx(math.sqrt(2 * 2.2))


def test_ratio_of_nothing_in_common() -> None:
    """Without a common launch there is no ratio."""
    (launch,) = launches([[5]])

    assert ratio((launch,), (Launch(index=1, blocks=launch.blocks),)) is None


def test_ratio_of_one_launch_has_no_interval() -> None:
    """Many rounds of one launch give a ratio, and nothing to judge it by."""
    compared = ratio(launches([[20], [22]]), launches([[10], [11]]))

    assert compared is not None
    assert (compared.low, compared.high) == (None, None)


@given(some_launches(2), some_launches(2))
def test_ratio_turned_round_is_its_inverse(a: tuple[Launch, ...], b: tuple[Launch, ...]) -> None:
    """Turned round, b over a is one over a over b, interval and all."""
    there, back = ratio(a, b), ratio(b, a)

    assert there is not None
    assert back is not None
    assert there.low is not None
    assert there.value == pytest.approx(1 / back.value)
    assert back.high is not None
    assert there.low * back.high == pytest.approx(1)


@given(some_launches(3))
def test_ratio_agrees_with_an_independent_t_test(a: tuple[Launch, ...]) -> None:
    """The interval is the one SciPy's t test gives for the launches' mean log ratios."""
    rounds = min(len(launch.blocks) for launch in a)
    b = launches(*([[100]] * rounds for _ in a))
    logs = [
        np.mean([math.log(block_median(block) / 100) for block in launch.blocks[:rounds]])
        for launch in a
    ]

    compared = ratio(a, b)

    assert compared is not None
    if np.std(logs) > 1e-9:
        expected = ttest_1samp(logs, 0).confidence_interval(0.95)
        assert compared.low == pytest.approx(math.exp(expected.low))
        assert compared.high == pytest.approx(math.exp(expected.high))


def test_the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says() -> None:
    """With launches, rounds and calls that vary, 95 % intervals miss 5 % of the time."""
    random = np.random.default_rng(7)
    simulations, size, rounds, truth = 2000, 5, 4, 1.1
    shape = (simulations, size, rounds)
    disturbance = random.normal(0, 0.20, shape)  # a round's, shared by both cells

    def cell(scale: float) -> list[list[list[int]]]:
        of_launch = random.normal(0, 0.03, (simulations, size, 1))
        logs = math.log(scale) + disturbance + of_launch + random.normal(0, 0.05, shape)
        drawn: list[list[list[int]]] = np.exp(logs).round().astype(int).tolist()
        return drawn

    covered = 0
    for a, b in zip(cell(1e8 * truth), cell(1e8), strict=True):
        compared = ratio(
            launches(*([[ns] for ns in launch] for launch in a)),
            launches(*([[ns] for ns in launch] for launch in b)),
        )
        assert compared is not None
        assert compared.low is not None
        assert compared.high is not None
        covered += compared.low <= truth <= compared.high

    low, high = binom.interval(0.999, simulations, 0.95)
    assert low <= covered <= high


def known(median: float, half: float | None) -> Estimate:
    return Estimate(
        median_ns=median,
        low_ns=None if half is None else median - half,
        high_ns=None if half is None else median + half,
        launches=5,
        calls=50,
    )


def test_fastest_names_all_that_overlap_the_best() -> None:
    """The best comes first, then what its interval reaches; what is clearly slower is left out."""
    of = [known(120, 2), known(104, 3), known(100, 2), known(103, 3)]

    assert fastest(of) == (2, 3, 1)


def test_the_truly_fastest_is_named_however_many_there_are() -> None:
    """Of twenty that are all alike, any one is left out in 5 % of runs at the most."""
    random = np.random.default_rng(3)
    runs, count, degrees = 2000, 20, 4
    missed = 0
    for _ in range(runs):
        logs = random.normal(0, 0.02, (count, degrees + 1))
        halves = t_quantile(degrees) * logs.std(axis=1, ddof=1) / math.sqrt(degrees + 1)
        of = [
            Estimate(median_ns=math.exp(mean), high_ns=math.exp(mean + half), degrees=degrees)
            for mean, half in zip(logs.mean(axis=1), halves, strict=True)
        ]
        missed += 0 not in fastest(of)

    assert missed <= binom.ppf(0.999, runs, 0.05)


def test_more_comparisons_need_more_evidence() -> None:
    """What is shown to be slower among two need not be among twenty."""
    best, close, far = known(100, 1), known(101.8, 1), known(150, 1)

    assert fastest([best, close]) == (0,)
    assert fastest([best, close, *[far] * 18]) == (0, 1)
    ratio_of_two = Ratio(value=1.03, low=1.001, high=1.06, degrees=4, launches=5)
    assert ratio_of_two.is_above_one(comparisons=1)
    assert not ratio_of_two.is_above_one(comparisons=3)


def test_fastest_allows_for_drift() -> None:
    """A machine that may have changed speed by a tenth makes more of them equal."""
    of = [known(100, 1), known(109, 1)]

    assert fastest(of) == (0,)
    assert fastest(of, drift=0.1) == (0, 1)


def test_without_an_interval_nothing_is_told_apart() -> None:
    """An estimate of one launch neither beats another nor is beaten."""
    assert fastest([known(100, None), known(900, 1)]) == (0, 1)
    assert fastest([known(100, 1), known(900, None), known(500, 1)]) == (0, 1)
    assert fastest([]) == ()


@given(some_launches(2), some_launches(2))
def test_the_best_is_never_slower(a: tuple[Launch, ...], b: tuple[Launch, ...]) -> None:
    """The first of the fastest has the smallest estimate."""
    of = [estimate(a), estimate(b)]

    best = fastest(of)[0]

    assert of[best].median_ns == min(each.median_ns for each in of)
