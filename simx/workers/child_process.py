"""What makes a process a worker: it lives and dies with its parent, and leaves signals to it."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_MEMORY_SCORE = Path("/proc/self/oom_score_adj")
_PR_SET_PDEATHSIG = 1


def bind_to_parent(parent: int) -> None:
    """Make this process its parent's own.

    Signals that are sent to a whole group (by a terminal, by a service manager) are for the parent
    alone, which ends its workers in order. On Linux the kernel kills this process when the thread
    that started it ends, whatever it is doing; elsewhere it ends when it next looks for a message.

    Args:
        parent: its process id. If it is gone already, this process ends here.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # It may have ended before the kernel was asked, which then says nothing any more.
        if os.getppid() != parent:
            os._exit(1)


def be_killed_first() -> None:
    """Have the kernel kill this process before its parent when memory runs out (Linux only)."""
    with contextlib.suppress(OSError):
        _MEMORY_SCORE.write_text("500", encoding="ascii")


def limit_memory(most_bytes: int) -> None:
    """Limit this process's address space; 0 leaves it as it is."""
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
