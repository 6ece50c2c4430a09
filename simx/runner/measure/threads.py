"""Measures how many threads compute a product. Linux alone counts the waiting of threads."""

from collections.abc import Callable

from simx.runner.measure.system import runnable_ns
from simx.runner.measure.timing import CLOCK, Clock

_SECONDS = 0.05
"""The least time of the calls. The kernel counts the time of a running thread in ticks of 10 ms."""

_CLOSE = 0.1
"""A relative difference from the requested number that is none."""

_MOST_CALLS = 20
"""Calls after which another number than the requested one is believed. The kernel counts a wait
when it ends, so one that began in the call before counts, too: at most one call in twenty."""


def threads_used(
    call: Callable[[], object],
    requested: int,
    clock: Clock = CLOCK,
    runnable: Callable[[], int | None] = runnable_ns,
) -> float | None:
    """Return how many threads of this process run, or wait for a core, during calls on average.

    Args:
        call: Computes a product that is large enough for all threads. Idle ones must not spin.
        requested: Threads that should compute it.
        clock: Replaced in tests.
        runnable: Returns the nanoseconds for which threads have run or waited; replaced in tests.

    Returns:
        The threads; None where the system does not count the waiting.
    """
    call()  # starts the threads
    begun, before = clock(), runnable()
    calls, wall_ns, used = 0, 0, 0.0
    while wall_ns < _SECONDS * 1e9 or not (
        calls >= _MOST_CALLS or abs(used - requested) <= _CLOSE * requested
    ):
        call()
        calls += 1
        after, wall_ns = runnable(), clock() - begun
        if before is None or after is None:
            return None
        used = (after - before) / wall_ns
    return round(used, 2)
