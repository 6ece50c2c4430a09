"""The parent's handle on one worker process, however it was started."""

import signal
from collections.abc import Callable
from typing import IO, Protocol, Self, TypeVar

import msgspec

from simx.workers.connection import Connection

T = TypeVar("T")

_STDERR_TAIL_BYTES = 4000
_STOP_SECONDS = 1.0
_DEATH_SECONDS = 5.0


class WorkerError(Exception):
    """A worker could not answer; the text says how it ended and what it last wrote to stderr."""


class WorkerDiedError(WorkerError):
    """The worker process ended before it answered."""


class WorkerTimeoutError(WorkerError):
    """The worker did not answer in time and was killed."""


class WorkerGarbledError(WorkerError):
    """What the worker answered is none of the answers it may give; it was killed."""


class Process(Protocol):
    """A started process, as far as a handle needs to know it."""

    @property
    def pid(self) -> int:
        """The process id."""

    def kill(self) -> None:
        """End the process at once; no error if it has ended already."""

    def wait(self, timeout: float) -> int | None:
        """Return the exit code, negative for a signal; None if it is still running then."""


class Worker:
    """One launch: a process that answers messages until it is told to stop, or is killed."""

    def __init__(self, process: Process, connection: Connection, stderr: IO[bytes]) -> None:
        self._process = process
        self._connection = connection
        self._stderr = stderr
        self._closed = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def request(
        self,
        message: msgspec.Struct,
        decoder: msgspec.msgpack.Decoder[T],
        timeout: float | None = None,
    ) -> T:
        """Send one message and wait for its answer.

        Raises:
            WorkerDiedError: the process ended instead of answering.
            WorkerTimeoutError: no answer within ``timeout`` seconds; the process was killed.
            WorkerGarbledError: the answer cannot be understood; the process was killed.
        """
        try:
            self._connection.send(message)
            return self._connection.receive(decoder, timeout)
        except TimeoutError:
            self._process.kill()
            text = f"gave no answer within {timeout:.0f} s and was killed{self._last_words()}"
            raise WorkerTimeoutError(text) from None
        except msgspec.MsgspecError as error:
            # What follows on the pipe could be anything, too.
            self._process.kill()
            text = f"gave an answer that is none ({error}) and was killed{self._last_words()}"
            raise WorkerGarbledError(text) from None
        except (EOFError, OSError):
            raise WorkerDiedError(self._obituary()) from None

    @property
    def stderr(self) -> str:
        """The last of what it wrote to stderr so far."""
        size = self._stderr.seek(0, 2)
        self._stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
        return self._stderr.read().decode(errors="replace")

    def close(self) -> None:
        """End the worker: closing its connection tells it to stop; one that does not is killed."""
        if self._closed:
            return
        self._closed = True
        self._connection.close()
        if self._process.wait(_STOP_SECONDS) is None:
            self._process.kill()
            self._process.wait(_DEATH_SECONDS)
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _obituary(self) -> str:
        code = self._process.wait(_DEATH_SECONDS)
        if code is None:
            self._process.kill()
            return f"closed its connection without ending, and was killed{self._last_words()}"
        return f"{_ending(code)}{self._last_words()}"

    def _last_words(self) -> str:
        spoken = [line.strip() for line in self.stderr.split("\n") if line.strip()]
        return f"; its last words: {spoken[-1]}" if spoken else ""


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code} before it answered"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (often the system running out of memory)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint} before it answered"


class Launcher(Protocol):
    """Starts workers that all run one entry function, each in a fresh process."""

    def launch(self) -> Worker:
        """Start one worker."""

    def close(self) -> None:
        """End whatever the launcher keeps running; workers still alive die with it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


WorkerMain = Callable[[Connection], None]
"""What runs in a worker: answers messages until the connection ends."""
