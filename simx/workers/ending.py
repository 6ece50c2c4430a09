"""How a worker ended: its last lines on stderr, and whether the kernel killed it for its memory."""

from pathlib import Path
from typing import NamedTuple

from simx.common.anonymous import anonymous
from simx.common.cgroups import memory_kills, named_number
from simx.common.safe_text import clean

MOST_LINES = 12
MOST_CHARACTERS = 160
"""Enough for one line of a traceback or of a library's message."""

TAIL_BYTES = 16_000
"""How much of the end of stderr is read."""

_SYSTEM = Path("/proc/vmstat")


def stderr_tail(stderr: bytes) -> tuple[str, ...]:
    """Return the last lines of what a worker wrote, without paths and names of users and hosts."""
    lines = stderr[-TAIL_BYTES:].decode(errors="replace").split("\n")
    shown = [text for line in lines if (text := anonymous(clean(line)))]
    return tuple(
        text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
        for text in shown[-MOST_LINES:]
    )


class MemoryKills(NamedTuple):
    """How many processes the kernel has killed for lack of memory; None where it does not count.

    ``group`` counts those of this process's control group, ``system`` those of the whole system.
    """

    group: int | None
    system: int | None

    def remark(self, later: "MemoryKills") -> str:
        """Say whether lack of memory is why a process was killed between the two counts.

        A SIGKILL names no sender. A higher count of the group is a proof. A higher count of the
        whole system is a hint, because another user's process may have been killed.
        """
        if _rose(self.group, later.group):
            return " because the system ran out of memory"
        if _rose(self.system, later.system):
            return " while the system was out of memory"
        if later.group is None and later.system is None:
            return " (often the system running out of memory)"
        return ", but not by the kernel for lack of memory"


def count_memory_kills() -> MemoryKills:
    """Read the counts."""
    return MemoryKills(memory_kills(), named_number(_SYSTEM, "oom_kill"))


def _rose(before: int | None, later: int | None) -> bool:
    return before is not None and later is not None and later > before
