"""Reads single figures from Linux's files; a missing figure is None."""

import os
from contextlib import suppress
from pathlib import Path

_STEAL_COLUMN = 7
_BUSY_COLUMNS = (0, 1, 2, 5, 6)
"""user, nice, system, irq and softirq of /proc/stat's first line; see proc(5)."""

_TASKS = Path("/proc/self/task")


def text(path: Path) -> str | None:
    """Return a small file's stripped content, or None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def core_times_ns(stat: Path = Path("/proc/stat")) -> tuple[int | None, int | None]:
    """Return stolen and busy time of all cores since the system started, both in nanoseconds."""
    lines = (text(stat) or "").splitlines()
    ticks = [int(column) for column in lines[0].split()[1:]] if lines else []
    if len(ticks) <= _STEAL_COLUMN:
        return None, None
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return ticks[_STEAL_COLUMN] * tick_ns, sum(ticks[column] for column in _BUSY_COLUMNS) * tick_ns


def waiting_ns(tasks: Path = _TASKS) -> int | None:
    """Return the nanoseconds that this process's threads have waited for a core, summed."""
    scheduled = _scheduled_ns(tasks)
    return scheduled and scheduled[1]


def runnable_ns(tasks: Path = _TASKS) -> int | None:
    """Return the nanoseconds that this process's threads have run or waited for a core, summed."""
    scheduled = _scheduled_ns(tasks)
    return scheduled and sum(scheduled)


def _scheduled_ns(tasks: Path) -> tuple[int, int] | None:
    """Return how long the threads have run and waited, in nanoseconds, each summed.

    Source: the kernel's Documentation/scheduler/sched-stats, first two figures of ``schedstat``.
    """
    try:
        threads = list(tasks.iterdir())
    except OSError:
        return None
    fields = [(text(thread / "schedstat") or "").split() for thread in threads]
    known = [(int(each[0]), int(each[1])) for each in fields if len(each) > 1]
    return (sum(ran for ran, _ in known), sum(waited for _, waited in known)) if known else None


def pressure_ns(pressure: Path = Path("/proc/pressure/cpu")) -> int | None:
    """Return the nanoseconds in which some process of this system has waited for a core.

    Source: the kernel's Documentation/accounting/psi, total of ``some``.
    """
    for line in (text(pressure) or "").splitlines():
        kind, *figures = line.split()
        if kind == "some":
            return int(figures[-1].removeprefix("total=")) * 1000
    return None


def frequency_khz(cores: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """Return the mean frequency of the cores that this process may run on, in kHz."""
    known = _figures_of_cores(cores, "cpufreq/scaling_cur_freq")
    return sum(known) // len(known) if known else None


def thermal_throttles(cores: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """Return how often heat has slowed a core that this process may run on, or its package.

    Source: the kernel's Documentation/ABI/testing/sysfs-devices-system-cpu, of Intel's processors.
    """
    names = ("core_throttle_count", "package_throttle_count")
    known = [
        count for each in names for count in _figures_of_cores(cores, f"thermal_throttle/{each}")
    ]
    return sum(known) if known else None


def _figures_of_cores(cores: Path, name: str) -> list[int]:
    """Return the figure in a file of each core that this process may run on, where it has one."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    read = [text(cores / f"cpu{core}" / name) for core in allowed]
    return [int(value) for value in read if value and value.isdecimal()]


def resident_bytes(*, peak: bool, status: Path = Path("/proc/self/status")) -> int | None:
    """Return this process's resident memory in bytes: now, or its peak since ``forget_peak``."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in (text(status) or "").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None


def forget_peak(clear_refs: Path = Path("/proc/self/clear_refs")) -> None:
    """Reset the peak of the resident memory; a fork starts with that of its server."""
    with suppress(OSError):
        clear_refs.write_text("5")
