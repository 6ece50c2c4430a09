"""How a process ended: its last lines on stderr, its exit code or signal, and its memory limit."""

import resource
import signal
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


def last_line(tail: tuple[str, ...]) -> str:
    """Return a remark with the last line on stderr; empty without one."""
    return f"; its last line on stderr: {tail[-1]}" if tail else ""


def memory_limit(most_bytes: int = 0) -> str:
    """Return a remark on the limit of a worker's address space; empty without one.

    Args:
        most_bytes: Its own limit; 0 if it has only that of this process.
    """
    limit = most_bytes or resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return ""
    return f"; its address space is limited to {limit / 1e9:.3g} GB"


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


def end_of(code: int, kills: MemoryKills) -> str:
    """Say how a process ended.

    Args:
        code: Its exit code, negative for a signal.
        kills: The counts from before it was started.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    remark = kills.remark(count_memory_kills()) if code == -signal.SIGKILL else ""
    return f"was killed by {_signal_name(-code)}{remark}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _rose(before: int | None, later: int | None) -> bool:
    return before is not None and later is not None and later > before
