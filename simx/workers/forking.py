"""Starting workers as forks of a server, which is restarted if it ends or hangs."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, Protocol, Self

from simx.workers.child_process import PYTHON, Variables, environment
from simx.workers.connection import Connection
from simx.workers.server import READY, RECORD, STARTED
from simx.workers.spawning import Spawner
from simx.workers.stderr_tail import stderr_tail
from simx.workers.worker import Launcher, Worker, WorkerDiedError

IMPORT_SECONDS = 300.0
"""Time for a server to import its runtime; a cold network disk takes about a minute."""

LAUNCH_SECONDS = 60.0
"""Time for a server to fork, which takes milliseconds unless it hangs."""

_CLOSE_SECONDS = 1.0
_POLL_SECONDS = 0.02


def launcher(entry: str, variables: Variables = (), memory: int | None = None) -> Launcher:
    """Return the launcher for workers that run ``package.module:function`` on this system.

    On Linux a fork server imports the module once and at once; elsewhere each worker imports it.

    Args:
        entry: the function to run.
        variables: environment variables that workers see instead of this process's.
        memory: bytes of address space that each worker may have.

    Raises:
        WorkerDiedError: the module cannot be imported.
    """
    best = ForkServer if sys.platform == "linux" else Spawner
    return best(entry, variables, memory)


class ForkServer:
    """Starts every worker as a fork of a server that has imported the entry's module."""

    def __init__(self, entry: str, variables: Variables = (), memory: int | None = None) -> None:
        self._entry = entry
        self._environment = environment(variables)
        self._memory = memory or 0
        self._replacing = threading.Lock()
        self._is_closed = False
        self._server = self._started()

    def launch(self) -> Worker:
        """Start one worker. May be called from several threads.

        If the server has ended or hangs, it and its workers are replaced once.

        Raises:
            WorkerDiedError: the server has ended, and another one does not start.
        """
        server = self._server
        try:
            return server.launch()
        except WorkerDiedError:
            return self._replacement(server).launch()

    def close(self) -> None:
        """End the server, and with it every worker that is alive."""
        self._is_closed = True
        self._server.close()

    def _replacement(self, dead: "_Server") -> "_Server":
        """Return the server that replaces a dead one; start it if no other thread has."""
        with self._replacing:
            if self._server is dead and not self._is_closed:
                dead.close()
                self._server = self._started()
            if self._is_closed:
                self._server.close()
                raise WorkerDiedError("the worker server was closed")
            return self._server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> "_Server":
        return _Server(self._start_process, self._memory)

    def _start_process(self, control: socket.socket, output: IO[bytes]) -> "ServerProcess":
        """Start a server that inherits the other end of a control socket."""
        return subprocess.Popen(
            [
                *(*PYTHON, "simx.workers.server", self._entry, str(control.fileno())),
                *(str(os.getpid()), str(self._memory)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[control.fileno()],
            env=self._environment,
            # The parent alone handles a terminal's interrupt, and ends its workers in order.
            start_new_session=True,
        )


class ServerProcess(Protocol):
    """A server's process: what is used of ``subprocess.Popen``."""

    pid: int
    returncode: int | None

    def kill(self) -> None:
        """End it at once."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise ``subprocess.TimeoutExpired`` after the timeout."""


class _Server:
    """One server process, with the exit codes of the workers it has forked."""

    def __init__(
        self, start: Callable[[socket.socket, IO[bytes]], ServerProcess], memory: int
    ) -> None:
        self._control, theirs = socket.socketpair()
        self._memory = memory
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._closed = False
        with theirs:
            self._process = start(theirs, self._stderr)
        try:
            self._expect(READY, IMPORT_SECONDS)
        except BaseException:
            # During an import it would not notice that its parent has given it up.
            self._process.kill()
            self.close()
            raise

    def launch(self) -> Worker:
        """Fork one worker.

        Raises:
            WorkerDiedError: the server has ended, or hung and was killed.
        """
        if self._closed:
            raise WorkerDiedError("the worker server has ended")
        ours, theirs = socket.socketpair()
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the worker's handle closes it
        try:
            with self._lock, theirs:
                socket.send_fds(self._control, [b"L"], [theirs.fileno(), stderr.fileno()])
                pid = self._expect(STARTED, LAUNCH_SECONDS)
        except BaseException as error:
            ours.close()
            stderr.close()
            if isinstance(error, OSError):
                raise WorkerDiedError(self._end_text()) from None
            raise
        end = ours.detach()
        return Worker(_Forked(self, pid), Connection(end, end), stderr, self._memory)

    def close(self) -> None:
        """End the server, and with it every worker that is alive; kill it if it does not end."""
        if self._closed:
            return
        self._closed = True
        self._control.close()
        self._end()
        self._stderr.close()

    def exit_code(self, pid: int, timeout: float) -> int | None:
        """Return the exit code of a worker, negative for a signal; None if it is still running.

        Raises:
            WorkerDiedError: the worker has ended together with its server.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                if pid not in self._ended:
                    self._drain()
                if pid in self._ended:
                    return self._ended[pid]
            if time.monotonic() > deadline:
                return None
            # Another thread may read this worker's record, and then puts it into the table.
            select.select([self._control], [], [], _POLL_SECONDS)

    def _expect(self, kind: bytes, seconds: float) -> int:
        """Read records until one of this kind arrives; keep the ends of workers among them."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._control], [], [], left)[0]:
                self._process.kill()
                raise WorkerDiedError(f"the worker server gave no answer within {seconds:.0f} s")
            received, pid, code = self._record()
            if received == kind:
                return pid
            self._ended[pid] = code

    def _drain(self) -> None:
        if self._closed:
            raise WorkerDiedError("ended with the worker server")
        while select.select([self._control], [], [], 0)[0]:
            _, pid, code = self._record()
            self._ended[pid] = code

    def _record(self) -> tuple[bytes, int, int]:
        data = self._control.recv(RECORD.size, socket.MSG_WAITALL)
        if len(data) < RECORD.size:
            raise WorkerDiedError(self._end_text())
        kind, pid, code = RECORD.unpack(data)
        return kind, pid, code

    def _end_text(self) -> str:
        self._end()
        self._stderr.seek(0)
        tail = stderr_tail(self._stderr.read())
        reason = tail[-1] if tail else f"exit code {self._process.returncode}"
        return f"the worker server ended: {reason}"

    def _end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_SECONDS)
        if self._process.returncode is None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_SECONDS)


class _Forked:
    """A process started by the fork server, and reaped by it."""

    def __init__(self, server: _Server, pid: int) -> None:
        self._server = server
        self.pid = pid

    def kill(self) -> None:
        # The server reaps its workers, so an id whose end it has not reported is still this one's.
        with contextlib.suppress(WorkerDiedError, ProcessLookupError):
            if self._server.exit_code(self.pid, timeout=0) is None:
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        return self._server.exit_code(self.pid, timeout)
