"""The best way to start workers that this system has."""

import sys

from simx.workers.forking import ForkServer
from simx.workers.processes import Variables
from simx.workers.spawning import Spawner
from simx.workers.worker import Launcher


def launcher(entry: str, variables: Variables = (), memory: int | None = None) -> Launcher:
    """Return the best launcher of this system for workers that run ``package.module:function``.

    The module is imported at once by a fork server, and once per worker elsewhere.

    Args:
        entry: what they run.
        variables: what they see instead of this process's.
        memory: bytes that the address space of each may have.

    Raises:
        WorkerDiedError: the entry's module cannot be imported.
    """
    best = ForkServer if sys.platform == "linux" else Spawner
    return best(entry, variables, memory)
