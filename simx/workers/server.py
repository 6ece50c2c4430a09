"""The fork server: a process that has imported a runtime once and forks a worker per launch.

Run as ``python -m simx.workers.server ENTRY FD PARENT LIMIT``. For each launch it reads one byte
from the control socket FD, with two descriptors: the worker's end of the connection, and a file for
its output. It writes a record when it is ready or lacks a package, when a worker has started, and
when one has ended. LIMIT is that of a worker's address space in bytes, 0 for none. The server must
never call the runtime, because a process with threads or a device cannot be forked safely.
"""

import contextlib
import os
import select
import signal
import socket
import struct
import sys
from typing import NoReturn

from simx.workers.allocator import displace_heap
from simx.workers.child_process import bind_to_parent, limit_memory, resolve
from simx.workers.connection import Connection
from simx.workers.worker import WorkerMain

RECORD = struct.Struct("!cii")
"""Kind, process id, exit code."""
READY, MISSING, STARTED, ENDED = b"R", b"M", b"S", b"E"

_DESCRIPTORS_PER_LAUNCH = 2


def load(entry: str, control: socket.socket) -> WorkerMain:
    """Import the entry function; write a record first if a package for it is not installed.

    Raises:
        ImportError: As ``resolve`` does.
    """
    try:
        return resolve(entry)
    except ModuleNotFoundError as error:
        # A name with a dot is a part of a package that is there, but damaged.
        if error.name and "." not in error.name:
            control.sendall(RECORD.pack(MISSING, 0, 0))
        raise


def serve(main: WorkerMain, control: socket.socket, limit: int = 0) -> None:
    """Fork workers on request until the control socket closes, then kill those still alive."""
    control.sendall(RECORD.pack(READY, os.getpid(), 0))
    wakeup_read, wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup_write)
    alive: set[int] = set()
    while True:
        readable, _, _ = select.select([control.fileno(), wakeup_read], [], [])
        if wakeup_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup_read, 4096)
            _reap(alive, control)
        if control.fileno() in readable:
            request, descriptors, _, _ = socket.recv_fds(control, 1, _DESCRIPTORS_PER_LAUNCH)
            if not request:
                break
            alive.add(_fork(main, control, descriptors, limit))
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in alive:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _fork(main: WorkerMain, control: socket.socket, descriptors: list[int], limit: int) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        _become_worker(main, *descriptors, server=server, limit=limit)
    for descriptor in descriptors:
        os.close(descriptor)
    control.sendall(RECORD.pack(STARTED, pid, 0))
    return pid


def _become_worker(
    main: WorkerMain, connection_fd: int, output_fd: int, *, server: int, limit: int
) -> NoReturn:
    """Run the entry function and leave without the server's cleanup handlers."""
    code = 1
    try:
        bind_to_parent(server)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # The output of libraries goes to the worker's own file, never to stdout.
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        limit_memory(limit)
        displace_heap()
        main(Connection(connection_fd, connection_fd))
        code = 0
    except BaseException:  # noqa: BLE001 - only the exit code and the traceback can be reported
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _reap(alive: set[int], control: socket.socket) -> None:
    for pid in tuple(alive):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            alive.discard(pid)
            control.sendall(RECORD.pack(ENDED, pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    bind_to_parent(int(sys.argv[3]))
    control_end = socket.socket(fileno=int(sys.argv[2]))
    serve(load(sys.argv[1], control_end), control_end, int(sys.argv[4]))
