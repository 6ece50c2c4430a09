"""The parent's handle on one worker process, however it was started."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO, Protocol, Self, TypeVar

import msgspec

from simx.workers.connection import Connection
from simx.workers.memory_kills import Verdict, count_memory_kills
from simx.workers.stderr_tail import TAIL_BYTES, stderr_tail

T = TypeVar("T")

_STOP_SECONDS = 1.0
_DEATH_SECONDS = 5.0
_KILLED_SECONDS = 0.5
"""For a killed process to be reaped; one that a device's driver holds on to is not waited for."""

_MEMORY_VERDICTS: dict[Verdict, str] = {
    "yes": " because the system ran out of memory",
    "likely": " while the system was out of memory",
    "no": ", but not by the kernel for want of memory",
    "unknown": " (often the system running out of memory)",
}


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
        """Return the exit code, negative for a signal; None if it is still running then.

        Raises:
            WorkerDiedError: it has ended, and how is not known.
        """


class Worker:
    """One launch: a process that answers messages until it is told to stop, or is killed."""

    def __init__(
        self, process: Process, connection: Connection, stderr: IO[bytes], memory: int = 0
    ) -> None:
        self._process = process
        self._connection = connection
        self._stderr = stderr
        self._memory = memory
        self._memory_kills = count_memory_kills()
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
        return self._tail().decode(errors="replace")

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        """The last lines of what it wrote to stderr so far, without whose machine it was."""
        return stderr_tail(self._tail())

    @property
    def limit(self) -> str:
        """What is to be said of a failure that its limit may have caused; empty without one."""
        if not self._memory:
            return ""
        return f"; its address space is limited to {self._memory / 1e9:.3g} GB"

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._process.kill()

    def close(self) -> None:
        """End the worker: closing its connection tells it to stop; one that does not is killed."""
        close_workers([self])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        close_workers([self], at_once=is_interrupt(error))

    @property
    def is_closed(self) -> bool:
        """Whether its connection is closed."""
        return self._closed

    def hang_up(self) -> None:
        """Close the connection, which tells it to stop."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def end(self, patience: float) -> None:
        """Wait for it to end, and kill it if it does not."""
        with contextlib.suppress(WorkerDiedError):
            if self._process.wait(patience) is None:
                self._process.kill()
                self._process.wait(_KILLED_SECONDS)
        self._stderr.close()

    def _tail(self) -> bytes:
        size = self._stderr.seek(0, 2)
        self._stderr.seek(max(0, size - TAIL_BYTES))
        return self._stderr.read()

    def _obituary(self) -> str:
        code = self._process.wait(_DEATH_SECONDS)
        if code is None:
            self._process.kill()
            return f"closed its connection without ending, and was killed{self._last_words()}"
        return f"{self._ending(code)}{self.limit}{self._last_words()}"

    def _last_words(self) -> str:
        spoken = self.stderr_tail
        return f"; its last words: {spoken[-1]}" if spoken else ""

    def _ending(self, code: int) -> str:
        if code >= 0:
            return f"ended with exit code {code} before it answered"
        hint = ""
        if -code == signal.SIGKILL:
            hint = _MEMORY_VERDICTS[self._memory_kills.verdict(count_memory_kills())]
        return f"was killed by {_signal_name(-code)}{hint} before it answered"


def close_workers(workers: Iterable[Worker], *, at_once: bool = False) -> None:
    """End workers: all are told to stop, and together have a second to do so.

    Args:
        workers: any; those that are closed already are left out.
        at_once: kill them instead.
    """
    open_ones = [worker for worker in workers if not worker.is_closed]
    for worker in open_ones:
        if at_once:
            worker.kill()
        worker.hang_up()
    deadline = time.monotonic() + _STOP_SECONDS
    for worker in open_ones:
        worker.end(max(0.0, deadline - time.monotonic()))


def is_interrupt(error: BaseException | None) -> bool:
    """Whether this is no error, but somebody who wants the process to end."""
    return error is not None and not isinstance(error, Exception)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


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
