"""One instance's part of a load: which query is its next one, and when that was answered.

The instances share nothing but a file of tickets: no process hands out queries, so that none takes
a core from the networks. All of them know when each query is due.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from numpy.random import default_rng

from simx.runner.measure.messages import Answered, MeasureLoad
from simx.runner.measure.timing import CLOCK, Clock

_SPIN_NS = 200_000
"""Before a query is due, an instance no longer sleeps: the system would wake it too late."""

_SPARE_NS = 2_000_000
"""Between two queries of ``server`` that are this far apart, there is time to look at answers."""


def wait_until(moment_ns: int) -> None:
    """Wait until a moment of the clock."""
    while (left := moment_ns - CLOCK()) > 0:
        if left > 2 * _SPIN_NS:
            time.sleep((left - _SPIN_NS) / 1e9)


class Tickets(NamedTuple):
    """A file that instances append bytes to; each byte is a ticket."""

    descriptor: int

    def take(self) -> int:
        """Return the number of a ticket that nobody else has; the first one is 0."""
        # Appending is atomic, and moves this process's own position behind its byte.
        os.write(self.descriptor, b"x")
        return os.lseek(self.descriptor, 0, os.SEEK_CUR) - 1

    def wait_for(self, count: int) -> None:
        """Wait until so many tickets were taken."""
        while os.fstat(self.descriptor).st_size < count:
            pass


def answer(
    load: MeasureLoad,
    call: Callable[[], object],
    between: Callable[[], None],
    clock: Clock = CLOCK,
    wait: Callable[[int], None] = wait_until,
) -> Iterator[Answered]:
    """Answer this instance's queries, and yield what each one took.

    Args:
        load: what all instances do together.
        call: answers one query.
        between: is called where that delays no query.
        clock: replaced in tests.
        wait: waits until a moment of the clock.
    """
    due = arrivals(load)
    _settle(load.begin_ns, call, clock)
    wait(load.begin_ns)
    free = load.begin_ns
    with _opened(load.tickets) as tickets:
        for number in _numbers(load, tickets):
            if not due or due[number] - clock() > _SPARE_NS:
                between()
            if load.scenario == "multi-stream":
                tickets.take()
                tickets.wait_for((number + 1) * load.instances)
            planned = due[number] if due else clock()
            wait(planned)
            begun = clock()
            call()
            ended = clock()
            yield Answered(number, planned, begun, ended, begun - max(planned, free))
            free = ended


def arrivals(load: MeasureLoad) -> list[int]:
    """Return when each query of ``server`` is due; nothing for other scenarios.

    The times between two of them are independent and exponentially distributed.
    """
    if load.rate is None:
        return []
    gaps = default_rng(load.seed).exponential(1e9 / load.rate, load.queries)
    times: list[int] = (load.begin_ns + gaps.cumsum()).astype(int).tolist()
    return times


def _numbers(load: MeasureLoad, tickets: Tickets) -> Iterator[int]:
    """Yield the queries of this instance: every one, or those that it is the first to take."""
    if load.scenario == "multi-stream":
        yield from range(load.queries)
    else:
        while (number := tickets.take()) < load.queries:
            yield number


def _settle(begin_ns: int, call: Callable[[], object], clock: Clock) -> None:
    """Make calls that are not counted up to the beginning: another cell has used the caches."""
    while True:
        begun = clock()
        call()
        ended = clock()
        if ended + (ended - begun) >= begin_ns:
            return


@contextmanager
def _opened(path: str) -> Iterator[Tickets]:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield Tickets(descriptor)
    finally:
        os.close(descriptor)
