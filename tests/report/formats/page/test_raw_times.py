"""Raw times of a cell, thinned to what a page can carry."""

from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.report.formats.page.charts import MOST_TIMES, LaunchTimes, raw_times, thinned
from simx.results.statistics.estimates import launch_estimate
from tests.results.builders import launches


def unpacked(launch: LaunchTimes) -> list[int]:
    """Return a launch's times, as the page makes them of their differences."""
    return list(accumulate(launch.steps))


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=400).map(sorted), st.integers(2, 50))
def test_thinning_keeps_the_order_and_the_ends(times: list[int], most: int) -> None:
    """No more than asked for are kept, the shortest and the longest among them."""
    kept = thinned(times, most)

    assert len(kept) == min(len(times), most)
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (times[0], times[-1]) if len(times) > 1 else kept == times


def test_few_times_are_all_there() -> None:
    """In increasing order, to a two-thousandth of what is typical, per call."""
    of = launches([[3_000_000, 1_000_000], [2_000_000]], [[4_000_000]], calls=2)
    found = raw_times(of)

    assert found is not None
    first, second = found.launches
    assert [time * found.unit_ns for time in unpacked(first)] == pytest.approx(
        [0.5e6, 1e6, 1.5e6], rel=1e-3
    )
    assert unpacked(second)[0] * found.unit_ns == pytest.approx(2e6, rel=1e-3)
    assert (first.count, second.count) == (3, 1)
    assert first.typical * found.unit_ns == pytest.approx(launch_estimate(of[0]), rel=1e-3)


def test_many_times_take_little_room() -> None:
    """Of 12,800 times a page carries some 1.5 kB, and says how many there were."""
    blocks = [[1_000_000 + 997 * (i * 31 % 64) for i in range(64)] for _ in range(5)]
    found = raw_times(launches(*([blocks] * 40)))

    assert found is not None
    assert sum(len(launch.steps) for launch in found.launches) <= 1.25 * MOST_TIMES
    assert sum(launch.count for launch in found.launches) == 12_800
    assert len(msgspec.json.encode(found)) < 4_000


def test_without_launches_there_are_none() -> None:
    """A quoted cell, or one whose rounds were all lost, has nothing to draw."""
    assert raw_times(()) is None
