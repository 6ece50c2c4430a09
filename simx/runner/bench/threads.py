"""How many threads every backend gets: what this process may really use, the same for all."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def affinity_cores() -> int:
    """Return the number of logical cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota_cores(cgroup: Path = _CGROUP) -> float | None:
    """Return the container's CPU quota in cores, or None where there is none.

    Args:
        cgroup: root of the control group file system, version 2 or 1.
    """
    for quota_and_period in (_version_2(cgroup), _version_1(cgroup)):
        if quota_and_period is not None:
            quota, period = quota_and_period
            return quota / period
    return None


def default_threads() -> int:
    """Return the cores of the affinity, or of the quota where that is smaller."""
    quota = quota_cores()
    cores = affinity_cores()
    return cores if quota is None else max(1, min(cores, math.floor(quota)))


def _version_2(cgroup: Path) -> tuple[int, int] | None:
    fields = _fields(cgroup / "cpu.max")
    return None if not fields or fields[0] == "max" else (int(fields[0]), int(fields[1]))


def _version_1(cgroup: Path) -> tuple[int, int] | None:
    quota = _fields(cgroup / "cpu" / "cpu.cfs_quota_us")
    period = _fields(cgroup / "cpu" / "cpu.cfs_period_us")
    return None if not quota or not period or int(quota[0]) < 0 else (int(quota[0]), int(period[0]))


def _fields(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
