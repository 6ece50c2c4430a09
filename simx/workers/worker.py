"""The parent's handle on one worker process, however it was started."""

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import IO, Protocol, Self, TypeVar

import msgspec

from simx.workers.connection import Connection
from simx.workers.ending import (
    TAIL_BYTES,
    count_memory_kills,
    end_of,
    last_line,
    memory_limit,
    stderr_tail,
)

T = TypeVar("T")

_STOP_SECONDS = 1.0
_DEATH_SECONDS = 5.0
KILLED_SECONDS = 5.0
"""Time to reap a killed process: long on a busy machine, or if a device's driver holds it."""


class WorkerError(Exception):
    """A worker could not answer; the text says how it ended and has its last line on stderr."""


class WorkerDiedError(WorkerError):
    """The worker process ended before it answered."""


class ModuleMissingError(WorkerDiedError):
    """The worker process was not started, because a package is not installed."""


class WorkerTimeoutError(WorkerError):
    """The worker did not answer in time and was killed."""


class WorkerGarbledError(WorkerError):
    """The worker's answer was not one of the declared answers; it was killed."""


class Process(Protocol):
    """A started process: what a handle uses of it."""

    @property
    def pid(self) -> int:
        """The process id."""

    def kill(self) -> None:
        """End the process at once; no error if it has already ended."""

    def wait(self, timeout: float) -> int | None:
        """Return the exit code, negative for a signal; None if it is still running.

        Raises:
            WorkerDiedError: It has ended with an unknown exit code.
        """


class Worker:
    """One launch: a process that answers messages until its connection closes or it is killed."""

    def __init__(
        self, process: Process, connection: Connection, stderr: IO[bytes], memory: int = 0
    ) -> None:
        self._process = process
        self._connection = connection
        self._stderr = stderr
        self._memory = memory
        self._memory_kills = count_memory_kills()
        self.pid = process.pid
        self.is_closed = False

    def request(
        self,
        message: msgspec.Struct,
        decoder: msgspec.msgpack.Decoder[T],
        timeout: float | None = None,
    ) -> T:
        """Send one message and wait for its answer.

        Raises:
            WorkerDiedError: The process ended instead of answering.
            WorkerTimeoutError: No answer within ``timeout`` seconds; the process was killed.
            WorkerGarbledError: The answer cannot be understood; the process was killed.
        """
        try:
            self._connection.send(message)
            return self._connection.receive(decoder, timeout)
        except TimeoutError:
            self._process.kill()
            text = f"gave no answer within {timeout:.0f} s and was killed{self._last_line()}"
            raise WorkerTimeoutError(text) from None
        except msgspec.MsgspecError as error:
            # Nothing after it on the pipe can be trusted.
            self._process.kill()
            text = f"gave an answer that cannot be decoded ({error}) and was killed"
            raise WorkerGarbledError(text + self._last_line()) from None
        except (EOFError, OSError):
            raise WorkerDiedError(self._end_text() + self._last_line()) from None

    @property
    def stderr(self) -> str:
        """The end of what it has written to stderr so far."""
        return self._tail().decode(errors="replace")

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        """The last lines that it has written to stderr so far, anonymised."""
        return stderr_tail(self._tail())

    @property
    def limit(self) -> str:
        """A remark for failures that its memory limit may have caused; empty without a limit."""
        return memory_limit(self._memory)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """End the worker: close its connection, and kill it if it does not stop."""
        close_workers([self])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        close_workers([self], at_once=is_interrupt(error))

    def hang_up(self) -> None:
        """Close the connection, on which it stops."""
        if not self.is_closed:
            self.is_closed = True
            self._connection.close()

    def end(self, timeout: float) -> None:
        """Wait for its end, and kill it after the timeout."""
        with self._stderr, contextlib.suppress(WorkerDiedError):
            if self._process.wait(timeout) is None:
                self._process.kill()
                self._process.wait(KILLED_SECONDS)

    def _tail(self) -> bytes:
        size = self._stderr.seek(0, 2)
        self._stderr.seek(max(0, size - TAIL_BYTES))
        return self._stderr.read()

    def _last_line(self) -> str:
        return last_line(self.stderr_tail)

    def _end_text(self) -> str:
        code = self._process.wait(_DEATH_SECONDS)
        if code is None:
            self._process.kill()
            return "closed its connection without ending, and was killed"
        return f"{end_of(code, self._memory_kills)} before it answered{self.limit}"


def close_workers(workers: Iterable[Worker], *, at_once: bool = False) -> None:
    """End workers: close their connections, and kill those that run on after a second.

    Args:
        workers: The workers; closed ones are skipped.
        at_once: Kill them immediately.
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
    """Whether this is an interrupt or a signal, and no error."""
    return error is not None and not isinstance(error, Exception)


class Launcher(Protocol):
    """Starts workers that all run one entry function, each in a fresh process."""

    def launch(self) -> Worker:
        """Start one worker."""

    def close(self) -> None:
        """End the processes that the launcher keeps running, and all its workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


WorkerMain = Callable[[Connection], None]
"""The function that runs in a worker: it answers messages until the connection ends."""
