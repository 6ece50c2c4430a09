"""How many threads every backend gets by default: the cores that this process may use."""

import math
import os

from simx.common.cgroups import cpu_quota


def affinity_cores() -> int:
    """Return the number of logical cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Return the cores of the affinity, or of the quota where that is smaller; at least one."""
    quota = cpu_quota()
    return max(1, math.floor(min(affinity_cores(), math.inf if quota is None else quota)))
