"""What disturbed a block, read from the system: cheap enough to read before and after each one."""

import os
import resource
import time
from pathlib import Path

import msgspec

from simx.results.schema import Noise

_STAT = Path("/proc/stat")
_STEAL_COLUMN = 7
_BUSY_COLUMNS = (0, 1, 2, 5, 6)
"""user, nice, system, irq and softirq of /proc/stat's first line; see proc(5)."""

_NS_PER_SECOND = 1_000_000_000


class _Reading(msgspec.Struct, frozen=True):
    switches: int
    own_cpu_ns: int
    steal_ns: int | None
    busy_ns: int | None


class NoiseMeter:
    """Counts from its creation until it is read."""

    def __init__(self) -> None:
        self._start = _read()

    def read(self) -> Noise:
        """Return what happened since then; what the system does not tell is None."""
        start, end = self._start, _read()
        own = end.own_cpu_ns - start.own_cpu_ns
        busy = _difference(start.busy_ns, end.busy_ns)
        return Noise(
            involuntary_switches=end.switches - start.switches,
            steal_ns=_difference(start.steal_ns, end.steal_ns),
            # The system counts in ticks of 10 ms, so a quiet machine can come out below zero.
            others_cpu_ns=None if busy is None else max(0, busy - own),
        )


def _difference(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else end - start


def _read() -> _Reading:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    try:
        with _STAT.open() as file:
            ticks = [int(column) for column in file.readline().split()[1:]]
    except OSError:
        ticks = []
    tick_ns = _NS_PER_SECOND // os.sysconf("SC_CLK_TCK")
    return _Reading(
        switches=usage.ru_nivcsw,
        own_cpu_ns=time.process_time_ns(),
        steal_ns=ticks[_STEAL_COLUMN] * tick_ns if ticks else None,
        busy_ns=sum(ticks[column] for column in _BUSY_COLUMNS) * tick_ns if ticks else None,
    )
