"""Runs jobs side by side as long as the memory they need together is there.

Knows nothing of exports. A job's work is done in a process of its own; the thread that stands for
it here only waits.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


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
    running: dict[Future[T], int] = {}
    with ThreadPoolExecutor(side_by_side) as pool:
        try:
            while waiting or running:
                while job := _next(waiting, running, side_by_side, memory_bytes):
                    waiting.remove(job)
                    job.on_start()
                    running[pool.submit(job.work)] = job.needs_bytes
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    yield future.result()
        finally:
            if running:
                on_abandon()


def _next(
    waiting: Sequence[Job[T]], running: dict[Future[T], int], side_by_side: int, memory_bytes: int
) -> Job[T] | None:
    """Return the hungriest job that may begin now."""
    if len(running) >= side_by_side:
        return None
    left = memory_bytes - sum(running.values())
    fitting = (job for job in waiting if job.needs_bytes <= left or not running)
    return next(fitting, None)
