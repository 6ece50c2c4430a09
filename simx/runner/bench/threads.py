"""How many threads every backend gets by default: the cores that this process may use."""

import math
import os
from collections.abc import Iterator

from simx.common.cgroups import cpu_quota
from simx.common.safe_text import counted


def affinity_cores() -> int:
    """Return the number of logical cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Return the cores of the affinity, or of the quota where that is smaller; at least one."""
    quota = cpu_quota()
    return max(1, math.floor(min(affinity_cores(), math.inf if quota is None else quota)))


def threads_without_cores(threads: int) -> Iterator[str]:
    """Yield a note for each limit of this process's cores that the threads exceed."""
    cores, quota = affinity_cores(), cpu_quota()
    if threads > cores:
        allowed = counted(cores, "core")
        yield f"{threads} threads share {allowed}: this process may run on no others"
    if quota is not None and threads > quota:
        yield (
            f"{threads} threads exceed the CPU quota of {counted(quota, 'core')}: the system stops "
            "them whenever the quota is used up"
        )
