"""Runs jobs side by side while the memory that they need together is there.

Knows nothing of exports. Each job works in a process of its own; its thread here only waits.
"""

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_GRACE_SECONDS = 1.0
"""For abandoned jobs to clean up; one that waits for a network is left behind."""


class Job(msgspec.Struct, Generic[T], frozen=True):
    """What to do, and its estimated peak of memory in bytes.

    ``on_start`` is called in the caller's thread just before ``work`` begins in another.
    """

    work: Callable[[], T]
    needs_bytes: int
    on_start: Callable[[], None] = lambda: None


def run_admitted(
    jobs: Sequence[Job[T]], *, side_by_side: int, memory_bytes: int, on_abandon: Callable[[], None]
) -> Iterator[T]:
    """Run jobs, largest first, and yield their results as they come.

    A job begins when its need and those of the running jobs fit into the memory, or when nothing
    else runs: a job that needs more than the memory is still tried.

    Args:
        jobs: what to run.
        side_by_side: how many may run at a time.
        memory_bytes: what they may need together.
        on_abandon: called when the caller stops, or a job raises, while others still run; it has to
            make their work end.

    Raises:
        Exception: what the first failing job raised; no further job begins.
    """
    waiting = sorted(jobs, key=lambda job: -job.needs_bytes)
    running: list[Job[T]] = []
    crew: _Crew[T] = _Crew(min(side_by_side, len(jobs)))

    def next_job() -> Job[T] | None:
        if len(running) >= side_by_side:
            return None
        left = memory_bytes - sum(job.needs_bytes for job in running)
        return next((job for job in waiting if job.needs_bytes <= left or not running), None)

    try:
        while waiting or running:
            while job := next_job():
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
    """What a job raised instead of returning a result."""

    error: BaseException


class _Crew(Generic[T]):
    """Threads that do one job after the other, and end with the process even while they wait.

    They live as long as there may be jobs: a worker process may ask the kernel to end it together
    with the thread that started it.
    """

    def __init__(self, size: int) -> None:
        self.begun: SimpleQueue[Job[T] | None] = SimpleQueue()
        self.ended: SimpleQueue[tuple[Job[T], T | _Raised]] = SimpleQueue()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def dismiss(self) -> None:
        """End the threads, and wait a moment for those that still clean up."""
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
