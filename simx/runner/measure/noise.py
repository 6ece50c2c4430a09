"""Reads what may have disturbed a block; cheap enough to read before and after each one.

``results.statistics.noise`` decides what the figures mean for a block.
"""

import resource
import time

import msgspec

from simx.results.schema.times import Noise
from simx.runner.measure.system import core_times_ns, frequency_khz, pressure_ns, waiting_ns

CLOCK = time.perf_counter_ns


class _Reading(msgspec.Struct, frozen=True):
    wall_ns: int
    own_cpu_ns: int
    switches: int
    wait_ns: int | None
    pressure_ns: int | None
    steal_ns: int | None
    busy_ns: int | None


class NoiseMeter:
    """Measures from its creation until it is read."""

    def __init__(self) -> None:
        self._start = _read()

    def read(self) -> Noise:
        """Return the differences since then; a figure that the system does not have is None."""
        start, end = self._start, _read()
        own = end.own_cpu_ns - start.own_cpu_ns
        busy = _difference(start.busy_ns, end.busy_ns)
        return Noise(
            wall_ns=end.wall_ns - start.wall_ns,
            wait_ns=_difference(start.wait_ns, end.wait_ns),
            pressure_ns=_difference(start.pressure_ns, end.pressure_ns),
            steal_ns=_difference(start.steal_ns, end.steal_ns),
            # The system counts in ticks of 10 ms, so the difference can be negative.
            others_cpu_ns=None if busy is None else max(0, busy - own),
            involuntary_switches=end.switches - start.switches,
            frequency_khz=frequency_khz(),
        )


def _difference(start: int | None, end: int | None) -> int | None:
    # A thread that has ended is missing from the later sum.
    return None if start is None or end is None else max(0, end - start)


def _read() -> _Reading:
    steal, busy = core_times_ns()
    return _Reading(
        wall_ns=CLOCK(),
        own_cpu_ns=time.process_time_ns(),
        switches=resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        wait_ns=waiting_ns(),
        pressure_ns=pressure_ns(),
        steal_ns=steal,
        busy_ns=busy,
    )
