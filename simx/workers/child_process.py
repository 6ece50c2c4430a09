"""Starts and ties a worker's process: it ends with its parent, which handles all signals."""

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from simx.workers.variables import PRIVATE, without_runtimes
from simx.workers.worker import Launcher, WorkerMain

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

ROOT_VARIABLE = "_SIMX_ROOT"
"""The process id of the run that a worker belongs to, which identifies the processes of a run."""

Variables = Iterable[tuple[str, str | None]]
"""Names and values that workers see instead of this process's; None removes one."""

_MEMORY_SCORE = Path("/proc/self/oom_score_adj")
_PR_SET_PDEATHSIG = 1


_OF_THIS_PYTHON = ("PYTHONHOME", "PYTHONPATH")
"""Variables by which another interpreter would import packages of this one."""


def environment(variables: Variables, interpreter: str | None = None) -> dict[str, str]:
    """Return the environment variables of a worker's interpreter.

    Args:
        variables: Of those that change how a runtime computes, it has only these.
        interpreter: Its Python executable; None for this one.
    """
    foreign = _OF_THIS_PYTHON if interpreter else ()
    private = {**PRIVATE, ROOT_VARIABLE: str(os.getpid())}
    merged: dict[str, str | None] = {
        **without_runtimes(os.environ),
        **dict.fromkeys(foreign),
        **dict(variables),
        **private,
    }
    return {name: value for name, value in merged.items() if value is not None}


def python(interpreter: str | None) -> tuple[str, ...]:
    """Return the start of the command that runs a module of simx.

    It is isolated from the current folder, where another file could take the place of a library.

    Args:
        interpreter: The Python executable; None for this one.
    """
    borrowed = find_spec("threadpoolctl")
    file = borrowed.origin if borrowed else None
    return (interpreter or sys.executable, "-P", str(_BOOTSTRAP), file or "")


class ProcessLauncher(Launcher):
    """What the launchers of interpreters have in common.

    Args:
        entry: The function that every worker runs, as ``package.module:function``.
        variables: Environment variables that workers see instead of this process's.
        memory: Bytes of address space that each worker may have.
        interpreter: The workers' Python executable; None for this one.
    """

    def __init__(
        self,
        entry: str,
        variables: Variables = (),
        memory: int | None = None,
        interpreter: str | None = None,
    ) -> None:
        self._entry = entry
        self._python = python(interpreter)
        self._environment = environment(variables, interpreter)
        self._memory = memory or 0
        self._open()

    def _open(self) -> None:
        """Start what has to run before the first worker."""


def working_folder() -> str | None:
    """Return the folder that a worker starts in: ``/`` if the current one is gone, else None.

    Some libraries of runtimes cannot be loaded in a folder that was deleted.
    """
    try:
        Path.cwd()
    except OSError:
        return "/"
    return None


def resolve(entry: str) -> WorkerMain:
    """Import ``package.module:function``, and with it the runtime.

    Raises:
        ImportError: The module, or something it needs, is not installed.
    """
    module, _, function = entry.partition(":")
    main: WorkerMain = getattr(importlib.import_module(module), function)
    return main


def bind_to_parent(parent: int) -> None:
    """Tie this process to its parent.

    It ignores signals that are sent to a whole group (by a terminal, by a service manager): the
    parent handles them and ends its workers in order. On Linux the kernel kills this process when
    the thread that started it ends; elsewhere it ends when it next reads a message.

    Args:
        parent: Its process id. If it is gone already, this process ends here.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have ended before this call, which then has no effect.
        if os.getppid() != parent:
            os._exit(1)


def limit_memory(most_bytes: int) -> None:
    """Limit this process's address space, and let the kernel kill it before its parent.

    Args:
        most_bytes: Of address space; 0 for no limit.
    """
    with contextlib.suppress(OSError):  # only Linux has a score
        _MEMORY_SCORE.write_text("500", encoding="ascii")
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
