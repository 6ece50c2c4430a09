"""Reads possible disturbances of a block, before and after each one.

``results.statistics.noise`` judges the figures.
"""

import resource
import time

from msgspec import UNSET

from simx.common.cgroups import throttled_ns
from simx.results.schema.times import Noise
from simx.runner.measure.energy import EnergyMeter
from simx.runner.measure.system import (
    core_times_ns,
    frequency_khz,
    pressure_ns,
    resident_bytes,
    thermal_throttles,
    waiting_ns,
)


class NoiseMeter:
    """Measures from its creation until it is read, the energy too if there is a meter of it."""

    def __init__(self, energy: EnergyMeter | None = None) -> None:
        self._energy = energy
        self._energy_start = None if energy is None else energy.read()
        self._start = _totals()

    def read(self) -> Noise:
        """Return the differences since then; a figure that the system does not have is None."""
        start, end = self._start, _totals()
        used = None if self._energy is None else self._energy.since(self._energy_start)
        return Noise(
            wall_ns=_difference(start.wall_ns, end.wall_ns),
            wait_ns=_difference(start.wait_ns, end.wait_ns),
            pressure_ns=_difference(start.pressure_ns, end.pressure_ns),
            steal_ns=_difference(start.steal_ns, end.steal_ns),
            others_cpu_ns=_difference(start.others_cpu_ns, end.others_cpu_ns),
            involuntary_switches=_difference(start.involuntary_switches, end.involuntary_switches),
            page_faults=_difference(start.page_faults, end.page_faults),
            frequency_khz=frequency_khz(),
            resident_bytes=resident_bytes(peak=False),
            throttled_ns=_difference(start.throttled_ns, end.throttled_ns),
            thermal_throttles=_difference(start.thermal_throttles, end.thermal_throttles),
            energy_uj=UNSET if used is None else used,
        )


def _difference(start: int | None, end: int | None) -> int | None:
    # The system counts in ticks of 10 ms, and without the threads that have ended.
    return None if start is None or end is None else max(0, end - start)


def _totals() -> Noise:
    """Return the figures since this process or the system started."""
    steal, busy = core_times_ns()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Noise(
        wall_ns=time.perf_counter_ns(),
        wait_ns=waiting_ns(),
        pressure_ns=pressure_ns(),
        steal_ns=steal,
        others_cpu_ns=None if busy is None else busy - time.process_time_ns(),
        involuntary_switches=usage.ru_nivcsw,
        page_faults=usage.ru_minflt,
        throttled_ns=throttled_ns(),
        thermal_throttles=thermal_throttles(),
    )
