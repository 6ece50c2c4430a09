"""Starting workers: by a fork server where the system can, by a fresh process elsewhere."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from typing import IO, Self

from simx.workers.connection import Connection
from simx.workers.server import READY, RECORD, STARTED
from simx.workers.worker import Launcher, Worker, WorkerDiedError

_POLL_SECONDS = 0.02

_PRIVATE = {"ORT_DISABLE_TELEMETRY": "1"}
"""What keeps libraries in workers from talking to anybody. ONNX Runtime sends telemetry by default
since 1.29, and reads this when it is imported. Its sender is a thread, too, and a process with
threads cannot be forked safely."""


ROOT_VARIABLE = "_SIMX_ROOT"
"""Tells workers which process all of this run descends from, to know its processes by."""

Variables = Iterable[tuple[str, str | None]]
"""Names and values that workers see instead of this process's; None removes one."""


def launcher(entry: str, variables: Variables = ()) -> Launcher:
    """Return the best launcher of this system for workers that run ``package.module:function``.

    The module is imported at once by a fork server, and once per worker elsewhere.

    Raises:
        WorkerDiedError: the entry's module cannot be imported.
    """
    return ForkServer(entry, variables) if sys.platform == "linux" else Spawner(entry, variables)


def _environment(variables: Variables) -> dict[str, str]:
    private = {**_PRIVATE, ROOT_VARIABLE: str(os.getpid())}
    merged: dict[str, str | None] = {**os.environ, **dict(variables), **private}
    return {name: value for name, value in merged.items() if value is not None}


# Isolated from the current folder, where a stray file could shadow a library.
_PYTHON = (sys.executable, "-P", "-m")


class Spawner:
    """Starts every worker as a fresh interpreter: slower, but right on every system."""

    def __init__(self, entry: str, variables: Variables = ()) -> None:
        self._entry = entry
        self._environment = _environment(variables)

    def launch(self) -> Worker:
        """Start one worker."""
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the worker's handle closes it
        process = subprocess.Popen(
            [*_PYTHON, "simx.workers.spawned", self._entry],
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
        return Worker(_Spawned(process), ends, stderr)

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


class ForkServer:
    """Starts every worker as a fork of a server that has the entry's module imported."""

    def __init__(self, entry: str, variables: Variables = ()) -> None:
        self._control, theirs = socket.socketpair()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._server = subprocess.Popen(
            [*_PYTHON, "simx.workers.server", entry, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=[theirs.fileno()],
            env=_environment(variables),
            # A terminal's interrupt is for the parent alone, which then ends its workers in order.
            start_new_session=True,
        )
        theirs.close()
        self._expect(READY)

    def launch(self) -> Worker:
        """Start one worker.

        Raises:
            WorkerDiedError: the server is gone.
        """
        ours, theirs = socket.socketpair()
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the worker's handle closes it
        try:
            with self._lock, theirs:
                socket.send_fds(self._control, [b"L"], [theirs.fileno(), stderr.fileno()])
                pid = self._expect(STARTED)
        except (OSError, WorkerDiedError):
            ours.close()
            stderr.close()
            raise WorkerDiedError(self._server_obituary()) from None
        end = ours.detach()
        return Worker(_Forked(self, pid), Connection(end, end), stderr)

    def close(self) -> None:
        """End the server, and with it every worker still alive."""
        self._control.close()
        self._server.wait()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def exit_code(self, pid: int, timeout: float) -> int | None:
        """Return the exit code of a worker, negative for a signal; None if it is still running."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                self._drain()
                if pid in self._ended:
                    return self._ended[pid]
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_SECONDS)

    def _expect(self, kind: bytes) -> int:
        """Read records until one of this kind comes, keeping the endings met on the way."""
        while True:
            received, pid, code = self._record()
            if received == kind:
                return pid
            self._ended[pid] = code

    def _drain(self) -> None:
        while select.select([self._control], [], [], 0)[0]:
            _, pid, code = self._record()
            self._ended[pid] = code

    def _record(self) -> tuple[bytes, int, int]:
        data = self._control.recv(RECORD.size, socket.MSG_WAITALL)
        if len(data) < RECORD.size:
            raise WorkerDiedError(self._server_obituary())
        kind, pid, code = RECORD.unpack(data)
        return kind, pid, code

    def _server_obituary(self) -> str:
        self._server.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {self._server.returncode}"
        return f"the worker server ended: {reason}"


class _Forked:
    """A process started by the fork server, and reaped by it."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid

    def kill(self) -> None:
        # The server reaps its workers, so an id it has not reported ended is still this worker's.
        if self._server.exit_code(self.pid, timeout=0) is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        return self._server.exit_code(self.pid, timeout)
