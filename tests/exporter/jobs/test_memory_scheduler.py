"""Which jobs run side by side, and what becomes of them when one fails."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.exporter.jobs.memory_scheduler import Job, run_admitted


class Watch:
    """Notes what runs at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.running: list[int] = []
        self.most_bytes = 0
        self.most_jobs = 0
        self.started: list[int] = []

    def job(self, needs: int, meet: threading.Barrier | None = None) -> Job[int]:
        return Job(partial(self._work, needs, meet), needs, partial(self.started.append, needs))

    def _work(self, needs: int, meet: threading.Barrier | None) -> int:
        with self._lock:
            self.running.append(needs)
            self.most_jobs = max(self.most_jobs, len(self.running))
            if len(self.running) > 1:
                self.most_bytes = max(self.most_bytes, sum(self.running))
        if meet is not None:
            meet.wait(timeout=60)
        with self._lock:
            self.running.remove(needs)
        return needs


def results(jobs: list[Job[int]], *, side_by_side: int, memory: int) -> list[int]:
    def abandon() -> None:
        pytest.fail("nothing was abandoned")

    return list(
        run_admitted(jobs, side_by_side=side_by_side, memory_bytes=memory, on_abandon=abandon)
    )


@given(
    needs=st.lists(st.integers(1, 30), max_size=12),
    side_by_side=st.integers(1, 4),
    memory=st.integers(1, 40),
)
def test_the_sum_of_needs_stays_within_the_memory(
    needs: list[int], side_by_side: int, memory: int
) -> None:
    """Every job runs once; never too many at a time, and several only where they fit together."""
    watch = Watch()
    done = results([watch.job(need) for need in needs], side_by_side=side_by_side, memory=memory)
    assert sorted(done) == sorted(needs) == sorted(watch.started)
    assert watch.most_jobs <= side_by_side
    assert watch.most_bytes <= memory


def test_jobs_really_run_side_by_side() -> None:
    """Two that wait for each other both end."""
    watch, meet = Watch(), threading.Barrier(2)
    jobs = [watch.job(1, meet), watch.job(1, meet)]
    assert results(jobs, side_by_side=2, memory=2) == [1, 1]


def test_small_ones_run_beside_a_giant() -> None:
    """The giant begins first, and what fits beside it does not wait for its end."""
    watch, meet = Watch(), threading.Barrier(2)
    jobs = [watch.job(2), watch.job(3, meet), watch.job(9, meet)]
    results(jobs, side_by_side=2, memory=12)
    assert watch.started == [9, 3, 2]


def failing() -> int:
    raise RuntimeError("no")


def run_until_it_fails(jobs: list[Job[int]], on_abandon: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError, match="no"):
        list(run_admitted(jobs, side_by_side=2, memory_bytes=20, on_abandon=on_abandon))


def test_a_job_that_raises_ends_the_others() -> None:
    """Those that run are told to end, and no further one begins."""
    ended, watch = threading.Event(), Watch()

    def lasting() -> int:
        assert ended.wait(timeout=60)
        return 0

    run_until_it_fails([Job(lasting, 10), Job(failing, 9), watch.job(1)], ended.set)
    assert ended.is_set()
    assert watch.started == []
