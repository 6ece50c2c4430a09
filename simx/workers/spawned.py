"""A worker as a process of its own, where there is no fork server.

Run as ``python -m simx.workers.spawned ENTRY PARENT LIMIT``; the connection is its stdin and
stdout. LIMIT is that of its address space in bytes, 0 for none.
"""

import os
import sys

from simx.workers.child_process import be_killed_first, bind_to_parent, limit_memory
from simx.workers.connection import Connection
from simx.workers.entry import resolve


def take_standard_streams() -> Connection:
    """Keep stdin and stdout for messages; whatever a library prints goes to stderr instead."""
    connection = Connection(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return connection


if __name__ == "__main__":
    bind_to_parent(int(sys.argv[2]))
    be_killed_first()
    limit_memory(int(sys.argv[3]))
    resolve(sys.argv[1])(take_standard_streams())
