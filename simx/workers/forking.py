"""Starting workers as forks of a server, which is restarted if it ends or hangs."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO

from simx.common.errors import disk_failure
from simx.common.temporary import temporary_file
from simx.workers.child_process import ProcessLauncher, Variables, working_folder
from simx.workers.connection import Connection
from simx.workers.ending import (
    count_memory_kills,
    end_of,
    last_line,
    memory_limit,
    stderr_tail,
)
from simx.workers.server import ENDED, MISSING, READY, RECORD, STARTED
from simx.workers.spawning import SpawnedProcess, Spawner
from simx.workers.worker import (
    KILLED_SECONDS,
    Launcher,
    ModuleMissingError,
    Process,
    Worker,
    WorkerDiedError,
)

IMPORT_SECONDS = 300.0
"""Time for a server to import its runtime; a cold network disk takes about a minute."""

LAUNCH_SECONDS = 60.0
"""Time for a server to fork, which takes milliseconds unless it hangs."""

_CLOSE_SECONDS = 1.0
_POLL_SECONDS = 0.02


def launcher(
    entry: str,
    variables: Variables = (),
    memory: int | None = None,
    interpreter: str | None = None,
) -> Launcher:
    """Return the launcher for workers that run ``package.module:function`` on this system.

    On Linux a fork server imports the module once and at once; elsewhere each worker imports it.

    Args:
        entry: The function to run.
        variables: Environment variables that workers see instead of this process's.
        memory: Bytes of address space that each worker may have.
        interpreter: The workers' Python executable; None for this one.

    Raises:
        ModuleMissingError: A package for it is not installed.
        WorkerDiedError: The module cannot be imported for another reason.
    """
    best = ForkServer if sys.platform == "linux" else Spawner
    return best(entry, variables, memory, interpreter)


class ForkServer(ProcessLauncher):
    """Starts every worker as a fork of a server that has imported the entry's module."""

    def _open(self) -> None:
        self._replacing = threading.Lock()
        self._is_closed = False
        self._server = _Server(self._start_process, self._memory)

    def launch(self) -> Worker:
        """Start one worker. May be called from several threads.

        If the server has ended or hangs, it and its workers are replaced once.

        Raises:
            WorkerDiedError: The server has ended, and another one does not start.
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
                self._server = _Server(self._start_process, self._memory)
            if self._is_closed:
                self._server.close()
                raise WorkerDiedError("was not started: its server was closed")
            return self._server

    def _start_process(self, control: socket.socket, output: IO[bytes]) -> Process:
        """Start a server that inherits the other end of a control socket."""
        numbers = (control.fileno(), os.getpid(), self._memory)
        server = subprocess.Popen(
            [*self._python, "simx.workers.server", self._entry, *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[control.fileno()],
            cwd=working_folder(),
            env=self._environment,
            # The parent alone handles a terminal's interrupt, and ends its workers in order.
            start_new_session=True,
        )
        return SpawnedProcess(server)


class _Server:
    """One server process, with the exit codes of the workers it has forked."""

    def __init__(self, start: Callable[[socket.socket, IO[bytes]], Process], memory: int) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._closed = False
        self._fate = "was not started: its server"
        self._memory_kills = count_memory_kills()
        with contextlib.ExitStack() as unless_started:
            self._control, theirs = map(unless_started.enter_context, socket.socketpair())
            self._stderr = unless_started.enter_context(temporary_file())
            try:
                self._process = start(theirs, self._stderr)
            except OSError as error:
                if disk_failure(error):
                    raise
                raise WorkerDiedError(f"was not started ({error})") from None
            unless_started.pop_all()
        theirs.close()
        try:
            self._expect(READY, IMPORT_SECONDS)
        except BaseException:
            # While it imports, it would not notice that its parent has closed the socket.
            self._process.kill()
            self.close()
            raise
        self._fate = "lost its server, which"

    def launch(self) -> Worker:
        """Fork one worker; raise ``WorkerDiedError`` if the server has ended or hangs."""
        if self._closed:
            raise WorkerDiedError("was not started: its server has ended")
        with contextlib.ExitStack() as unless_started:
            ours, theirs = map(unless_started.enter_context, socket.socketpair())
            stderr = unless_started.enter_context(temporary_file())
            try:
                with self._lock:
                    socket.send_fds(self._control, [b"L"], [theirs.fileno(), stderr.fileno()])
                    pid = self._expect(STARTED, LAUNCH_SECONDS)
            except OSError:
                raise WorkerDiedError(self._end_text()) from None
            unless_started.pop_all()
        theirs.close()
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
        """Do as ``Process.wait``; the exit code is unknown if the server ended before it."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                while pid not in self._ended and self._record(0.0):
                    pass
                if pid in self._ended:
                    return self._ended[pid]
            if time.monotonic() > deadline:
                return None
            # Another thread may read this worker's record, and then puts it into the table.
            select.select([self._control], [], [], _POLL_SECONDS)

    def _expect(self, kind: bytes, seconds: float) -> int:
        """Read records until one of this kind arrives, and return its process id."""
        deadline = time.monotonic() + seconds
        while record := self._record(max(0.0, deadline - time.monotonic())):
            if record[0] == kind:
                return record[1]
            if record[0] == MISSING:
                raise ModuleMissingError(self._end_text())
        self._process.kill()
        raise WorkerDiedError(f"{self._fate} gave no answer within {seconds:.0f} s")

    def _record(self, timeout: float) -> tuple[bytes, int] | None:
        """Read a record and keep the exit code in it; None after the timeout."""
        if self._closed:
            raise WorkerDiedError("ended with its server")
        if not select.select([self._control], [], [], timeout)[0]:
            return None
        data = self._control.recv(RECORD.size, socket.MSG_WAITALL)
        if len(data) < RECORD.size:
            raise WorkerDiedError(self._end_text())
        kind, pid, code = RECORD.unpack(data)
        if kind == ENDED:
            self._ended[pid] = code
        return kind, pid

    def _end_text(self) -> str:
        code = self._end()
        end = "did not end" if code is None else end_of(code, self._memory_kills)
        self._stderr.seek(0)
        return f"{self._fate} {end}{memory_limit()}{last_line(stderr_tail(self._stderr.read()))}"

    def _end(self) -> int | None:
        code = self._process.wait(_CLOSE_SECONDS)
        if code is None:
            self._process.kill()
            code = self._process.wait(KILLED_SECONDS)
        return code


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
