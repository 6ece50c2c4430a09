"""Starting workers as fresh interpreters: slower than forking, but right on every system."""

import os
import subprocess
import tempfile
from typing import IO, Self

from simx.workers.connection import Connection
from simx.workers.processes import PYTHON, Variables, environment
from simx.workers.worker import Worker


class Spawner:
    """Starts every worker as a fresh interpreter."""

    def __init__(self, entry: str, variables: Variables = (), memory: int | None = None) -> None:
        self._entry = entry
        self._environment = environment(variables)
        self._memory = memory or 0

    def launch(self) -> Worker:
        """Start one worker."""
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the worker's handle closes it
        process = subprocess.Popen(
            [
                *(*PYTHON, "simx.workers.spawned", self._entry),
                *(str(os.getpid()), str(self._memory)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=self._environment,
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - tells the type checker what PIPE means
        assert process.stdout is not None  # noqa: S101 - likewise
        ends = Connection(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
        process.stdin.close()
        process.stdout.close()
        return Worker(_Spawned(process), ends, stderr, self._memory)

    def close(self) -> None:
        """Nothing is kept running."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Spawned:
    """A process started by this one."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> int | None:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
