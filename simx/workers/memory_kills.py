"""How many processes the kernel has killed for want of memory, as far as it tells.

A worker's SIGKILL has no sender; whether it was this one is told by a count that rose meanwhile.
"""

from pathlib import Path
from typing import Literal, NamedTuple

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_SYSTEM = Path("/proc/vmstat")

Verdict = Literal["yes", "likely", "no", "unknown"]


class MemoryKills(NamedTuple):
    """Counts of killed processes: of this process's control group, and of the whole system.

    None where the system does not tell.
    """

    group: int | None
    system: int | None

    def verdict(self, later: "MemoryKills") -> Verdict:
        """Say whether a process that was killed between the two counts was killed by the kernel.

        In the same group nobody else's process is; in the whole system it may have been another.
        """
        if _rose(self.group, later.group):
            return "yes"
        if _rose(self.system, later.system):
            return "likely"
        return "unknown" if later.group is None and later.system is None else "no"


def count_memory_kills(
    own: Path = _OWN, cgroups: Path = _CGROUPS, system: Path = _SYSTEM
) -> MemoryKills:
    """Read the counts."""
    return MemoryKills(_of_group(_text(own), cgroups), _named(_text(system), "oom_kill"))


def _of_group(own: str, cgroups: Path) -> int | None:
    """Return the count of this process's group, of either version of control groups."""
    for line in own.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        folder = path.lstrip("/")
        if "memory" in controllers.split(","):
            for root in (cgroups / "memory" / folder, cgroups / "memory"):
                found = _named(_text(root / "memory.oom_control"), "oom_kill")
                if found is not None:
                    return found
        elif number == "0" and not controllers:
            found = _named(_text(cgroups / folder / "memory.events"), "oom_kill")
            if found is not None:
                return found
    return None


def _named(text: str, name: str) -> int | None:
    """Return the number behind a name, of lines of a name and a number."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _rose(before: int | None, later: int | None) -> bool:
    return before is not None and later is not None and later > before
