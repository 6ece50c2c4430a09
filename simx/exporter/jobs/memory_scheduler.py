"""Runs jobs side by side as long as the memory they need together is there.

Knows nothing of exports. A job's work is done in a process of its own; the thread that stands for
it here only waits.
"""

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_GRACE_SECONDS = 1.0
"""For abandoned jobs to put their things away; one that waits for a network is not waited for."""


class Job(msgspec.Struct, Generic[T], frozen=True):
    """What is to be done, and the bytes of memory that it is thought to need at its peak.

    ``on_start`` is called in the caller's thread just before ``work`` begins in another.
    """

    work: Callable[[], T]
    needs_bytes: int
    on_start: Callable[[], None] = lambda: None


def run_admitted(
    jobs: Sequence[Job[T]], *, side_by_side: int, memory_bytes: int, on_abandon: Callable[[], None]
) -> Iterator[T]:
    """Run jobs, the hungriest first, and yield their results as they come.

    A job begins when its need and those of the running ones fit into the memory, or when nothing
    else runs: one that needs more than there is deserves its try.

    Args:
        jobs: What to run.
        side_by_side: How many may run at a time.
        memory_bytes: What they may need together.
        on_abandon: Called when the caller stops, or a job raises, while others still run; it has to
            make their work end.

    Raises:
        Exception: Whatever the first failing job raised; no further one begins.
    """
    waiting = sorted(jobs, key=lambda job: -job.needs_bytes)
    running: list[Job[T]] = []
    crew: _Crew[T] = _Crew(min(side_by_side, len(jobs)))
    try:
        while waiting or running:
            while job := _next(waiting, running, side_by_side, memory_bytes):
                waiting.remove(job)
                job.on_start()
                running.append(job)
                crew.begun.put(job)
            done, result = crew.ended.get()
            running.remove(done)
            if isinstance(result, _Raised):
                raise result.error
            yield result
    finally:
        if running:
            on_abandon()
        crew.dismiss()


class _Raised(msgspec.Struct, frozen=True):
    """What a job raised instead of having a result."""

    error: BaseException


class _Crew(Generic[T]):
    """Threads that do one job after the other, and end with the process even while they wait.

    They live as long as there may be jobs: a process that one of them has started may ask the
    kernel to be ended with its starter, which is the thread.
    """

    def __init__(self, size: int) -> None:
        self.begun: SimpleQueue[Job[T] | None] = SimpleQueue()
        self.ended: SimpleQueue[tuple[Job[T], T | _Raised]] = SimpleQueue()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def dismiss(self) -> None:
        """Let them go, and wait a moment for those that still put something away."""
        for _ in self._threads:
            self.begun.put(None)
        for thread in self._threads:
            thread.join(_GRACE_SECONDS)

    def _work(self) -> None:
        while (job := self.begun.get()) is not None:
            try:
                self.ended.put((job, job.work()))
            except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
                self.ended.put((job, _Raised(error)))


def _next(
    waiting: Sequence[Job[T]],
    running: Sequence[Job[T]],
    side_by_side: int,
    memory_bytes: int,
) -> Job[T] | None:
    """Return the hungriest job that may begin now."""
    if len(running) >= side_by_side:
        return None
    left = memory_bytes - sum(job.needs_bytes for job in running)
    fitting = (job for job in waiting if job.needs_bytes <= left or not running)
    return next(fitting, None)
