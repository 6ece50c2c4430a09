"""Starting workers as fresh interpreters: slower than forking, but right on every system.

Run as ``python -m simx.workers.spawning ENTRY PARENT LIMIT``, it is the worker; the connection is
its stdin and stdout. LIMIT is that of its address space in bytes, 0 for none.
"""

import os
import subprocess
import sys
from contextlib import ExitStack

from simx.common.temporary import temporary_file
from simx.workers.child_process import (
    ProcessLauncher,
    bind_to_parent,
    limit_memory,
    resolve,
    working_folder,
)
from simx.workers.connection import Connection
from simx.workers.worker import Worker


class Spawner(ProcessLauncher):
    """Starts every worker as a fresh interpreter."""

    def launch(self) -> Worker:
        """Start one worker."""
        with ExitStack() as unless_started:
            stderr = unless_started.enter_context(temporary_file())
            process = subprocess.Popen(
                [*self._python, __name__, self._entry, str(os.getpid()), str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment,
                cwd=working_folder(),
                start_new_session=True,
            )
            unless_started.pop_all()
        assert process.stdin is not None  # noqa: S101 - PIPE gives both streams
        assert process.stdout is not None  # noqa: S101 - likewise
        ends = Connection(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
        process.stdin.close()
        process.stdout.close()
        return Worker(SpawnedProcess(process), ends, stderr, self._memory)

    def close(self) -> None:
        """Do nothing: no process is kept running."""


class SpawnedProcess:
    """A process that was started by this one."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid
        self.kill = process.kill

    def wait(self, timeout: float) -> int | None:
        """Return its exit code, None if it is still running after the timeout."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None


def _take_standard_streams() -> Connection:
    """Keep stdin and stdout for messages; the output of libraries goes to stderr instead."""
    connection = Connection(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return connection


if __name__ == "__main__":
    bind_to_parent(int(sys.argv[2]))
    limit_memory(int(sys.argv[3]))
    resolve(sys.argv[1])(_take_standard_streams())
