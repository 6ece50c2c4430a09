"""Work that a call left behind is noticed by what a fetch has to wait for."""

import pytest

from simx.runner.measure.messages import CallTimes
from simx.runner.measure.sync_check import unfinished_work


def call(forward: float, fetch: float, again: float) -> CallTimes:
    """Return a call's times, given in milliseconds."""
    return CallTimes(
        forward_ns=round(forward * 1e6), fetch_ns=round(fetch * 1e6), again_ns=round(again * 1e6)
    )


@pytest.mark.parametrize(
    "calls",
    [
        [call(10, 0.001, 0.001)] * 4,
        [call(10, 0.9, 0.1)] * 4,
        [call(0.1, 0.06, 0.02)] * 4,
        [call(10, 30, 0.1), call(10, 0.1, 0.1)],
    ],
    ids=["at once", "a slow first copy", "a small network", "disturbed once"],
)
def test_a_call_that_waited_leaves_nothing(calls: list[CallTimes]) -> None:
    """Copies differ a little, and one late fetch is no rule."""
    assert unfinished_work(calls) is None


@pytest.mark.parametrize(
    "calls",
    [
        [call(0.3, 9.8, 0.1)] * 4,
        [call(8, 2, 0.1), call(8, 5, 0.1)],
        [call(0.02, 0.1, 0.02)] * 4,
    ],
    ids=["all of it", "a part", "a small network"],
)
def test_a_call_that_did_not_wait_is_noticed(calls: list[CallTimes]) -> None:
    """By the part of its time that shows up in the fetch, every time."""
    assert "return before their results exist" in str(unfinished_work(calls))
