"""Reads single figures from Linux's files; a missing figure is None."""

import os
from pathlib import Path

NS_PER_SECOND = 1_000_000_000

_STAT = Path("/proc/stat")
_STEAL_COLUMN = 7
_BUSY_COLUMNS = (0, 1, 2, 5, 6)
"""user, nice, system, irq and softirq of /proc/stat's first line; see proc(5)."""

_TASKS = Path("/proc/self/task")
_PRESSURE = Path("/proc/pressure/cpu")
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_CORES = Path("/sys/devices/system/cpu")


def text(path: Path) -> str | None:
    """Return a small file's content, stripped, or None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def core_times_ns(stat: Path = _STAT) -> tuple[int | None, int | None]:
    """Return stolen and busy time of all cores since the system started, both in nanoseconds."""
    lines = (text(stat) or "").splitlines()
    ticks = [int(column) for column in lines[0].split()[1:]] if lines else []
    if len(ticks) <= _STEAL_COLUMN:
        return None, None
    tick_ns = NS_PER_SECOND // os.sysconf("SC_CLK_TCK")
    return ticks[_STEAL_COLUMN] * tick_ns, sum(ticks[column] for column in _BUSY_COLUMNS) * tick_ns


def waiting_ns(tasks: Path = _TASKS) -> int | None:
    """Return how long this process's threads have waited for a core, summed, in nanoseconds.

    It is the second figure of each thread's ``schedstat``; see the kernel's
    Documentation/scheduler/sched-stats.
    """
    try:
        threads = list(tasks.iterdir())
    except OSError:
        return None
    fields = [(text(thread / "schedstat") or "").split() for thread in threads]
    waits = [int(each[1]) for each in fields if len(each) > 1]
    return sum(waits) if waits else None


def pressure_ns(pressure: Path = _PRESSURE) -> int | None:
    """Return how long any process of this system has waited for a core, in nanoseconds.

    It is the ``some`` total of the kernel's pressure stall information; see its
    Documentation/accounting/psi.
    """
    for line in (text(pressure) or "").splitlines():
        kind, *figures = line.split()
        if kind == "some":
            return int(figures[-1].removeprefix("total=")) * 1000
    return None


def frequency_khz(cores: Path = _CORES) -> int | None:
    """Return the mean frequency of the cores this process may run on, in kHz."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    read = [
        text(cores / f"cpu{core}" / "cpufreq" / "scaling_cur_freq")
        for core in os.sched_getaffinity(0)
    ]
    known = [int(value) for value in read if value and value.isdecimal()]
    return sum(known) // len(known) if known else None


def resident_bytes(*, peak: bool, status: Path = _STATUS) -> int | None:
    """Return this process's resident memory in bytes: now, or its peak since ``forget_peak``."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in (text(status) or "").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None


def forget_peak(clear_refs: Path = _CLEAR_REFS) -> None:
    """Reset the peak of the resident memory; a fork starts with that of its server."""
    try:
        clear_refs.write_text("5")
    except OSError:
        return
