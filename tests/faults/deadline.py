"""A limit on how much processor time one input may take; other processes use up none of it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class DeadlineError(BaseException):
    """It took too long; no ``except Exception`` may take it for anything else."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``DeadlineError`` in the main thread once the process has used up so much time."""

    def expire(*_: object) -> None:
        raise DeadlineError(f"took more than {seconds:g} s of processor time")

    handled = signal.signal(signal.SIGPROF, expire)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handled)
