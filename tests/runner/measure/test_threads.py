"""Counting the threads that compute, by the kernel's account instead of their processor time."""

from collections.abc import Iterable
from itertools import chain, repeat

import pytest

from simx.runner.measure.threads import threads_used

MILLISECOND = 1_000_000


class Machine:
    """Calls of some milliseconds, each of a number of threads that run or wait meanwhile."""

    def __init__(self, milliseconds: int, threads: Iterable[float]) -> None:
        self._ns = milliseconds * MILLISECOND
        self._threads = iter(threads)
        self.now = self.runnable = self.calls = 0

    def call(self) -> None:
        self.calls += 1
        self.now += self._ns
        self.runnable += int(self._ns * next(self._threads))

    def used(self, requested: int) -> float | None:
        return threads_used(self.call, requested, lambda: self.now, lambda: self.runnable)


@pytest.mark.parametrize(
    ("milliseconds", "threads", "requested", "expected", "calls"),
    [
        (30, repeat(2.0), 2, 2.0, 1 + 2),
        (1, repeat(2.0), 2, 2.0, 1 + 50),
        (30, repeat(1.9), 1, 1.9, 1 + 20),
        (30, repeat(1.0), 2, 1.0, 1 + 20),
        (30, chain([0.0, 3.0], repeat(2.0)), 2, 2.17, 1 + 6),
    ],
    ids=["at once", "short calls", "more", "fewer", "a wait from before"],
)
def test_another_number_than_the_requested_one_takes_many_calls(
    milliseconds: int, threads: Iterable[float], requested: int, expected: float, calls: int
) -> None:
    """A wait that began before the calls fades; the first call is not counted."""
    machine = Machine(milliseconds, threads)

    assert machine.used(requested) == expected
    assert machine.calls == calls


def test_a_system_that_does_not_count_gives_no_number() -> None:
    """Without the waiting, a busy machine would look like missing threads."""
    assert threads_used(lambda: None, 1, runnable=lambda: None) is None
