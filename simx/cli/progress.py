"""Progress on stderr: an animated bar with the time left on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from simx.common.safe_text import clean

_LINE_SECONDS = 10.0
"""Off a terminal a line at most this often, so that logs stay short."""


class Steps:
    """Shows how many of a known number of steps are finished, and what is being done now."""

    def __init__(self, total: int, bar: Progress | None) -> None:
        self._total = total
        self._bar = bar
        self._task = bar.add_task("", total=total) if bar else None
        self._finished = 0.0
        self._begun = time.monotonic()
        self._last_line = -_LINE_SECONDS

    def at(self, finished: float, text: str) -> None:
        """Say how many steps are finished (part of one counts), and what is being done now."""
        self._finished = finished
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=finished, description=escape(clean(text)))
        elif time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = time.monotonic()
            click.echo(f"[{int(finished) + 1}/{self._total}] {clean(text)}{self._left()}", err=True)

    def _left(self) -> str:
        if not self._finished:
            return ""
        each = (time.monotonic() - self._begun) / self._finished
        return f", about {_duration(each * (self._total - self._finished))} left"


@contextmanager
def steps(total: int) -> Iterator[Steps]:
    """Show the progress of ``total`` steps."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield Steps(total, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield Steps(total, bar)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
