"""A limit on how long one input may take."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class DeadlineError(BaseException):
    """It took too long; no ``except Exception`` may take it for anything else."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``DeadlineError`` in the main thread once so much time has passed."""

    def expire(*_: object) -> None:
        raise DeadlineError(f"took more than {seconds:g} s")

    handled = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handled)
