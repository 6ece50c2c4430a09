"""Workers of fakes whose errors, settings and output are full of folders and names."""

import errno
import getpass
import os
import socket
import tempfile
from typing import Any

from simx.runner.backends.contract import BackendError, BackendFacts, Task
from simx.runner.measure.messages import REQUESTS, StoredFile
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection
from tests.runner.fakes import BACKBONE, FakeBackend, FakeRuntime


def revealing(sentence: str) -> str:
    """Return a text with this user's folders and names around a sentence."""
    home, host = os.path.expanduser("~"), socket.gethostname()  # noqa: PTH111 - as users see it
    return (
        f"{home}/models/my net.onnx: {sentence} for {getpass.getuser()}@{host} in '{home}/my data' "
        f"({tempfile.gettempdir()}/simx-1/x.bin, {os.path.relpath(home, '/tmp')}/y.bin, {home})"  # noqa: S108 - only a text
    )


class _Runtime(FakeRuntime):
    """Fails while it loads the network, with the kind's own error."""

    def create(self, task: Task) -> FakeBackend:  # noqa: ARG002 - whatever it is
        text = revealing("no such operator")
        os.write(2, f"{text}\n".encode())
        match self._kind:
            case "refusing":
                raise BackendError(text)
            case "unloadable":
                raise OSError(errno.ENOENT, "No such file", f"{os.environ['HOME']}/x/model.onnx")
            case "memory":
                raise MemoryError(text)
            case "exit":
                os._exit(3)
        return _LateBackend() if self._kind == "late" else _ConfiguredBackend()


class _ConfiguredBackend(FakeBackend):
    """Is right, and has a folder among its settings."""

    @property
    def facts(self) -> BackendFacts:
        settings = {"cache": f"{os.environ['HOME']}/cache/engine.bin", "owner": getpass.getuser()}
        return BackendFacts(placement={}, settings=settings, resident=False)


class _LateBackend(FakeBackend):
    """Loads, and fails when it is called for the first time."""

    def forward(self, image: Any) -> Any:
        raise RuntimeError(revealing(f"shape {image.shape}"))


def _serve(kind: str, connection: Connection) -> None:
    serve(connection, _Runtime(kind))


def refusing(connection: Connection) -> None:
    """Raise the backend's own error."""
    _serve("refusing", connection)


def unloadable(connection: Connection) -> None:
    """Raise an error of the system's."""
    _serve("unloadable", connection)


def memory(connection: Connection) -> None:
    """Run out of memory."""
    _serve("memory", connection)


def exiting(connection: Connection) -> None:
    """End without an answer."""
    _serve("exit", connection)


def late(connection: Connection) -> None:
    """Fail in the first call."""
    _serve("late", connection)


def configured(connection: Connection) -> None:
    """Be right."""
    _serve("configured", connection)


def garbled(connection: Connection) -> None:
    """Answer with a message of another kind."""
    connection.receive(REQUESTS)
    record = BACKBONE.preset
    os.write(2, revealing("done").encode())
    connection.send(StoredFile(path=revealing(f"{record.crop}"), record=None))  # type: ignore[arg-type]
    connection.receive(REQUESTS)
