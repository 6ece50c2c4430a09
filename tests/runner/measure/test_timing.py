"""The clock and the loop: every time in a report is one of these."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.gpu import GpuState
from simx.runner.bench.schedule import block_plan
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.timing import MAX_ENTRIES, take_block


class FakeTime:
    """A clock that only a call moves, by exactly the call's cost."""

    def __init__(self, cost_ns: int) -> None:
        self.now = 0
        self.calls = 0
        self._cost_ns = cost_ns

    def clock(self) -> int:
        return self.now

    def call(self) -> None:
        self.calls += 1
        self.now += self._cost_ns


PLAN = BlockPlan(seconds=0.1, min_calls=5)


@given(cost_ns=st.integers(min_value=20_000, max_value=3_000_000_000))
def test_a_block_is_long_enough_and_has_few_entries(cost_ns: int) -> None:
    """Any block has at least its calls and its tenth of a second, in at most 64 entries."""
    time = FakeTime(cost_ns)
    block = take_block(time.call, PLAN, 2, clock=time.clock)
    calls = block.calls * len(block.ns)

    assert calls >= 5
    assert sum(block.ns) >= 100_000_000
    assert len(block.ns) <= MAX_ENTRIES
    assert block.round == 2


@given(cost_ns=st.integers(min_value=20_000, max_value=3_000_000_000))
def test_an_entry_is_the_time_of_its_calls(cost_ns: int) -> None:
    """Every entry is exactly its calls times what one call takes: nothing leaks into another."""
    time = FakeTime(cost_ns)
    block = take_block(time.call, PLAN, 0, clock=time.clock)

    assert set(block.ns) == {cost_ns * block.calls}


def test_first_calls_are_not_counted() -> None:
    """Calls made before the block starts are in no entry."""
    time = FakeTime(20_000_000)
    counted: list[int] = []
    block = take_block(
        time.call, PLAN, 0, on_start=lambda: counted.append(time.calls), clock=time.clock
    )

    assert counted[0] >= 1
    assert time.calls == counted[0] + block.calls * len(block.ns)


def test_what_happens_between_entries_is_not_timed() -> None:
    """The entry hook may take any time without a nanosecond of it in an entry."""
    time = FakeTime(20_000_000)

    def dawdle() -> None:
        time.now += 1_000_000_000

    block = take_block(time.call, PLAN, 0, on_start=dawdle, on_entry=dawdle, clock=time.clock)

    assert set(block.ns) == {20_000_000}


def test_the_device_is_looked_at_around_everything_and_never_between() -> None:
    """Before the uncounted calls and after the last counted one: no time holds a look."""
    time = FakeTime(20_000_000)
    looks: list[tuple[int, int]] = []

    def begin() -> Callable[[], GpuState]:
        def end() -> GpuState:
            looks.append((begun, time.calls))
            time.now += 5_000_000
            return GpuState(others=0)

        begun = time.calls
        time.now += 5_000_000
        return end

    block = take_block(time.call, PLAN, 0, watch=begin, clock=time.clock)

    assert looks == [(0, time.calls)]
    assert set(block.ns) == {20_000_000}
    assert block.noise.gpu == GpuState(others=0)


@pytest.mark.parametrize(
    ("call_ns", "calls"),
    [(1_000_000_000, 3), (2_000_000_000, 2), (4_000_000_000, 1), (60_000_000_000, 1)],
)
def test_a_giant_makes_one_to_three_calls_in_all(call_ns: int, calls: int) -> None:
    """A giant's calls are all counted: none is thrown away on settling."""
    time = FakeTime(call_ns)
    block = take_block(time.call, block_plan(call_ns), 0, clock=time.clock)

    assert time.calls == len(block.ns) == calls


def test_a_call_that_raises_ends_the_block() -> None:
    """An error of the timed call is the block's error, not a short time."""

    def broken() -> None:
        raise RuntimeError("out of cheese")

    take: Callable[[], object] = lambda: take_block(broken, PLAN, 0)  # noqa: E731
    with pytest.raises(RuntimeError, match="cheese"):
        take()


def test_a_slow_first_call_does_not_shorten_the_block() -> None:
    """A block is as long as it has to be, though the first call was twenty times as dear."""
    time = FakeTime(1_000_000)
    calls = iter([20_000_000])

    def call() -> None:
        time.now += next(calls, 1_000_000)

    block = take_block(call, PLAN, 0, clock=time.clock)

    assert sum(block.ns) >= 100_000_000
