"""Starting workers as forks of a server, which is started again should it end or hang."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, Protocol, Self

from simx.workers.connection import Connection
from simx.workers.processes import PYTHON, Variables, environment
from simx.workers.server import READY, RECORD, STARTED
from simx.workers.stderr_tail import stderr_tail
from simx.workers.worker import Worker, WorkerDiedError

IMPORT_SECONDS = 300.0
"""For a server to import its runtime: a minute from a cold network disk, and then some."""

LAUNCH_SECONDS = 60.0
"""For a server to fork, which takes milliseconds; one that is hung takes for ever."""

_CLOSE_SECONDS = 1.0
_POLL_SECONDS = 0.02


class ForkServer:
    """Starts every worker as a fork of a server that has the entry's module imported."""

    def __init__(self, entry: str, variables: Variables = (), memory: int | None = None) -> None:
        self._entry = entry
        self._environment = environment(variables)
        self._memory = memory or 0
        self._replacing = threading.Lock()
        self._is_closed = False
        self._server = self._started()

    def launch(self) -> Worker:
        """Start one worker; several threads may.

        A server that has ended or hangs, with all its workers, is replaced once.

        Raises:
            WorkerDiedError: the server is gone, and another one does not come up.
        """
        server = self._server
        try:
            return server.launch()
        except WorkerDiedError:
            return self._replacement(server).launch()

    def close(self) -> None:
        """End the server, and with it every worker still alive."""
        self._is_closed = True
        self._server.close()

    def _replacement(self, dead: "_Server") -> "_Server":
        """Return the server that has taken the place of a dead one, starting it if need be."""
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
        """Start a server at the other end of a control socket, which it inherits."""
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
            # A terminal's interrupt is for the parent alone, which ends its workers in order.
            start_new_session=True,
        )


class ServerProcess(Protocol):
    """A server's process, as ``subprocess.Popen`` is one."""

    pid: int
    returncode: int | None

    def kill(self) -> None:
        """End it at once."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for it to end; ``subprocess.TimeoutExpired`` is raised if it does not in time."""


class _Server:
    """One server process, and what is known of the workers it has forked."""

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
            # In the middle of an import it would not notice that nobody wants it any more.
            self._process.kill()
            self.close()
            raise

    def launch(self) -> Worker:
        """Fork one worker.

        Raises:
            WorkerDiedError: the server has ended, or hangs and was killed.
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
                raise WorkerDiedError(self._obituary()) from None
            raise
        end = ours.detach()
        return Worker(_Forked(self, pid), Connection(end, end), stderr, self._memory)

    def close(self) -> None:
        """End the server, and with it every worker still alive; kill one that does not end."""
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
            # Another thread may take the record that is waited for, and keep it in the table.
            select.select([self._control], [], [], _POLL_SECONDS)

    def _expect(self, kind: bytes, seconds: float) -> int:
        """Read records until one of this kind comes, keeping the endings met on the way."""
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
            raise WorkerDiedError(self._obituary())
        kind, pid, code = RECORD.unpack(data)
        return kind, pid, code

    def _obituary(self) -> str:
        self._end()
        self._stderr.seek(0)
        spoken = stderr_tail(self._stderr.read())
        reason = spoken[-1] if spoken else f"exit code {self._process.returncode}"
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
        # The server reaps its workers, so an id it has not reported ended is still this worker's.
        with contextlib.suppress(WorkerDiedError, ProcessLookupError):
            if self._server.exit_code(self.pid, timeout=0) is None:
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        return self._server.exit_code(self.pid, timeout)
