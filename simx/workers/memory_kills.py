"""How many processes the kernel has killed for lack of memory, where it counts them.

The SIGKILL of a worker names no sender. A count that rose in the meantime shows that it was the
kernel.
"""

from pathlib import Path
from typing import Literal, NamedTuple

from simx.common.cgroups import memory_kills, named_number

_SYSTEM = Path("/proc/vmstat")

Verdict = Literal["yes", "likely", "no", "unknown"]


class MemoryKills(NamedTuple):
    """Counts of killed processes: of this process's control group, and of the whole system.

    None where they are not counted.
    """

    group: int | None
    system: int | None

    def verdict(self, later: "MemoryKills") -> Verdict:
        """Judge whether the kernel killed a process that was killed between the two counts.

        The group has no other user's processes. In the whole system it may have been another one.
        """
        if _rose(self.group, later.group):
            return "yes"
        if _rose(self.system, later.system):
            return "likely"
        return "unknown" if later.group is None and later.system is None else "no"


def count_memory_kills() -> MemoryKills:
    """Read the counts."""
    return MemoryKills(memory_kills(), named_number(_SYSTEM, "oom_kill"))


def _rose(before: int | None, later: int | None) -> bool:
    return before is not None and later is not None and later > before
