"""Signals that end simx: the first one after a cleanup, a second one at once."""

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn

from simx.common.errors import ExitCode, Terminated

_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}

ENDING = tuple(_CODES)
"""The signals that end simx."""


def handle_signals() -> None:
    """Raise an exception on the first signal, so that simx cleans up; exit on the second.

    A signal that was ignored when this process started (``nohup``) stays ignored.
    """
    _set_handlers(partial(_end_in_order, list(filter(os.isatty, (1, 2)))))


def exit_code_of(number: int) -> ExitCode:
    """Return the exit code of a process that ended because of a signal."""
    return _CODES[signal.Signals(number)]


def _set_handlers(handler: Callable[[int, FrameType | None], NoReturn]) -> None:
    for number in _CODES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end_in_order(terminals: Sequence[int], number: int, _frame: FrameType | None) -> NoReturn:
    _set_handlers(_end_at_once)
    # If the terminal is gone, a write to it would fail in the middle of the cleanup.
    for descriptor in terminals:
        if not os.isatty(descriptor):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(number)


def _end_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    """End at once. Synced files stay, and workers end with this process."""
    with contextlib.suppress(OSError):
        os.write(2, b"\nsimx: ended at once\n")
    os._exit(exit_code_of(number))
