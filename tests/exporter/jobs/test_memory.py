"""Which exports run side by side, and what becomes of them when one fails."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.exporter.jobs.memory import run_admitted


class Watch:
    """Does tasks, each of which is its need of memory, and notes what runs at a time."""

    def __init__(
        self, meet: threading.Barrier | None = None, meeting: frozenset[int] = frozenset()
    ) -> None:
        self._lock = threading.Lock()
        self._meet = meet
        self._meeting = meeting
        self.running: list[int] = []
        self.most_bytes = 0
        self.most_tasks = 0
        self.started: list[int] = []

    def work(self, needs: int) -> int:
        with self._lock:
            self.running.append(needs)
            self.most_tasks = max(self.most_tasks, len(self.running))
            if len(self.running) > 1:
                self.most_bytes = max(self.most_bytes, sum(self.running))
        if self._meet is not None and needs in self._meeting:
            self._meet.wait(timeout=60)
        with self._lock:
            self.running.remove(needs)
        return needs

    def run(self, tasks: list[int], *, side_by_side: int, memory: int) -> list[int]:
        def abandon() -> None:
            pytest.fail("nothing was abandoned")

        return run(self, tasks, self.work, abandon, side_by_side=side_by_side, memory=memory)


def run(
    watch: Watch,
    tasks: list[int],
    work: Callable[[int], int],
    on_abandon: Callable[[], None],
    *,
    side_by_side: int = 2,
    memory: int = 20,
) -> list[int]:
    return list(
        run_admitted(
            tasks,
            work,
            lambda needs: needs,
            side_by_side=side_by_side,
            memory_bytes=memory,
            on_start=watch.started.append,
            on_abandon=on_abandon,
        )
    )


@given(
    needs=st.lists(st.integers(1, 30), max_size=12),
    side_by_side=st.integers(1, 4),
    memory=st.integers(1, 40),
)
def test_the_sum_of_needs_stays_within_the_memory(
    needs: list[int], side_by_side: int, memory: int
) -> None:
    """Every task runs once; never too many at a time, and several only where they fit together."""
    watch = Watch()
    done = watch.run(needs, side_by_side=side_by_side, memory=memory)
    assert sorted(done) == sorted(needs) == sorted(watch.started)
    assert watch.most_tasks <= side_by_side
    assert watch.most_bytes <= memory


def test_tasks_really_run_side_by_side() -> None:
    """Two that wait for each other both end."""
    watch = Watch(threading.Barrier(2), frozenset({1}))
    assert watch.run([1, 1], side_by_side=2, memory=2) == [1, 1]


def test_small_ones_run_beside_a_giant() -> None:
    """The giant begins first, and what fits beside it does not wait for its end."""
    watch = Watch(threading.Barrier(2), frozenset({3, 9}))
    watch.run([2, 3, 9], side_by_side=2, memory=12)
    assert watch.started == [9, 3, 2]


@given(
    tasks=st.lists(st.tuples(st.integers(1, 9), st.sampled_from("abc")), max_size=12),
    side_by_side=st.integers(1, 4),
)
def test_tasks_of_a_group_follow_one_another(
    tasks: list[tuple[int, str]], side_by_side: int
) -> None:
    """One at a time, and a group that has begun is done before its place is given to another."""
    lock, running, order = threading.Lock(), Counter[str](), list[str]()

    def work(task: tuple[int, str]) -> int:
        with lock:
            running[task[1]] += 1
            assert running[task[1]] == 1
            order.append(task[1])
        with lock:
            running[task[1]] -= 1
        return task[0]

    done = run_admitted(
        tasks,
        work,
        lambda task: task[0],
        side_by_side=side_by_side,
        memory_bytes=100,
        group=lambda task: task[1],
        on_start=lambda _: None,
        on_abandon=lambda: None,
    )

    assert sorted(done) == sorted(need for need, _ in tasks)
    if side_by_side == 1:
        assert len([*itertools.groupby(order)]) == len(set(order))


def test_a_task_that_raises_ends_the_others() -> None:
    """Those that run are ended, and no further one begins."""
    ended, watch = threading.Event(), Watch()

    def work(needs: int) -> int:
        if needs == 9:
            raise RuntimeError("no")
        assert ended.wait(timeout=60)
        return needs

    with pytest.raises(RuntimeError, match="no"):
        run(watch, [10, 9, 1], work, ended.set)
    assert ended.is_set()
    assert watch.started == [10, 9]
