"""The self-check's own arithmetic; the checks themselves are run by its command's tests."""

import math
import time

import psutil
import pytest

from simx.results.schema.times import Block, Launch, Noise
from simx.results.statistics.estimates import Ratio
from simx.results.statistics.round_filter import FilteredRounds
from simx.selfcheck.check import _detectable, _found, lower_bound
from simx.selfcheck.laboratory import PairComparison
from simx.selfcheck.overhead import _EmptyBackend, measure_overhead
from simx.selfcheck.trials import Trials, flagged_share, neighbour, quiet_blocks, spread_of
from tests.results.builders import launches


def comparison(
    first: tuple[Launch, ...], second: tuple[Launch, ...], *, noisy: bool = False
) -> PairComparison:
    filtered = FilteredRounds(cells=(first, second), rounds=len(first), excluded=0, noisy=noisy)
    return PairComparison(measured=filtered.cells, filtered=filtered, pilot=5)


def around(*logs: float) -> tuple[Launch, ...]:
    return launches(*([[round(1e9 * math.exp(log))]] for log in logs))


STEADY = around(0, 0, 0, 0, 0)
RESTLESS = around(0, 0.01, -0.01, 0.02, -0.02)


def test_the_smallest_difference_follows_from_the_pilot() -> None:
    """It is (t_0.975 + t_0.90) s / sqrt(n), with four degrees of freedom."""
    spread = math.sqrt(0.001 / 4)
    expected = math.expm1((2.7764451 + 1.5332063) * spread / math.sqrt(5))

    assert _detectable(comparison(RESTLESS, STEADY)) == pytest.approx(expected, rel=1e-6)
    assert _detectable(comparison(STEADY, STEADY)) == 0
    assert _detectable(comparison(around(1), around(2))) is None
    assert _detectable(comparison(RESTLESS, STEADY, noisy=True)) is None


def test_trials_count_what_intervals_leave_out() -> None:
    """An interval beside 1 is significant, and covers the truth where it holds it."""
    slower = around(*(0.1 + log for log in (0, 0.01, -0.01, 0.02, -0.02)))
    truth = Ratio(value=math.exp(0.1), low=math.exp(0.1), high=math.exp(0.1), launches=9)
    found = Trials(
        comparisons=(comparison(RESTLESS, STEADY), comparison(slower, STEADY)), truth=truth
    )

    assert (found.significant, found.covered, found.noisy) == (1, 1, 0)


def test_a_vague_truth_leaves_more_open() -> None:
    """A trial beside a true ratio agrees with it if the two intervals explain the difference."""
    trials = (comparison(RESTLESS, STEADY),)
    precise = Ratio(value=1.03, low=1.029, high=1.031, launches=9)
    vague = Ratio(value=1.03, low=1.0, high=1.06, launches=9)

    assert Trials(comparisons=trials, truth=precise).covered == 0
    assert Trials(comparisons=trials, truth=vague).covered == 1


def test_a_spread_is_found_again() -> None:
    """Differences between launches of equals are twice the variance of each."""
    found = spread_of([comparison(RESTLESS, STEADY)])

    assert found.launch == pytest.approx(math.sqrt(0.001 / 4 / 2), rel=1e-3)
    assert found.own_round == 0


def test_flags_are_shares_of_the_blocks_looked_at() -> None:
    """Of the blocks without steal or pressure, only a wrong flag can be one."""
    quiet = Noise(wall_ns=100, steal_ns=0, pressure_ns=0)
    blocks = [
        Block(round=0, calls=1, ns=(1,), noise=noise)
        for noise in (quiet, quiet, quiet, Noise(wall_ns=100, steal_ns=0, pressure_ns=99))
    ]

    assert flagged_share(blocks) == 0.25
    assert flagged_share(quiet_blocks(blocks)) == 0


@pytest.mark.parametrize(
    ("found", "noisy", "verdict"), [(9, 0, "holds"), (5, 5, "too noisy"), (5, 1, "fails")]
)
def test_what_was_not_found_is_excused_by_noise_alone(found: int, noisy: int, verdict: str) -> None:
    """Of ten trials nine have to be found, or called too noisy."""
    assert _found(found, noisy, 10) == verdict


def test_all_of_ten_say_little() -> None:
    """Clopper and Pearson's interval of 10 in 10 begins at 69 %."""
    assert lower_bound(10, 10) == pytest.approx(0.6915, abs=1e-4)
    assert lower_bound(0, 10) == 0


def test_the_overhead_is_that_of_a_call() -> None:
    """It is looked at through the very loop that times cells, which calls the backend."""
    calls = []

    class Counting(_EmptyBackend):
        def forward(self, image: object) -> object:
            calls.append(image)
            return super().forward(image)

    overhead = measure_overhead(Counting())

    assert len(calls) > 100_000
    assert overhead.share == overhead.single_ns / 10_000_000


def _cpu_seconds(pid: int) -> float:
    return sum(psutil.Process(pid).cpu_times()[:2])


def test_a_neighbour_is_busy_and_goes_when_it_is_not_needed() -> None:
    """It uses up a core while it is wanted, and no process is left behind."""
    before = len(psutil.Process().children())
    with neighbour() as hog:
        ends = time.monotonic() + 60
        while (busy := _cpu_seconds(hog.pid)) <= 0.3 and time.monotonic() < ends:
            time.sleep(0.05)

    assert busy > 0.3
    assert hog.poll() is not None
    assert len(psutil.Process().children()) == before
