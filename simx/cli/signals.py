"""Signals that ask simx to end: the first one ends it in order, a second one at once."""

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn

from simx.common.errors import ExitCode, Terminated

_CODES = {
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
    "SIGHUP": ExitCode.HUNG_UP,
}


def handle_signals() -> None:
    """Raise where a first signal comes, so that nothing is left behind; exit when a second does.

    A signal that whoever started this process wants ignored (``nohup``) stays ignored.
    """
    terminals = [number for number in (1, 2) if os.isatty(number)]
    _set_handlers(partial(_end_in_order, terminals))


def exit_code_of(number: int) -> ExitCode:
    """Return what a process says that was ended by this signal."""
    return _CODES[signal.Signals(number).name]


def _set_handlers(handler: Callable[[int, FrameType | None], NoReturn]) -> None:
    for name in _CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end_in_order(terminals: Sequence[int], number: int, _frame: FrameType | None) -> NoReturn:
    _set_handlers(_end_at_once)
    # What is still to be said goes nowhere where the terminal is gone: a write to it would fail, in
    # the middle of putting things in order.
    for descriptor in terminals:
        if not os.isatty(descriptor):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(number)


def _end_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    """End without another word to anybody; whatever is synced stays, and workers die with this."""
    with contextlib.suppress(OSError):
        os.write(2, b"\nsimx: ended at once\n")
    os._exit(exit_code_of(number))
