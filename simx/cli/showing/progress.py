"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock

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

from simx.cli.output import tell, tell_once
from simx.common.safe_text import clean
from simx.exporter.jobs.plan import ExportListener, NotExported, Outcome
from simx.exporter.weights.cache import checkpoint_bytes, checkpoint_path, size_of
from simx.models.backbone import Backbone, Precision

_LINE_SECONDS = 10.0
"""Time between lines without a terminal, so that logs stay short."""


Show = Callable[[float, str], None]
"""Shows how many steps are finished (part of one counts), and what runs now."""


class _Lines:
    """Shows on plain lines how many of a known number of steps are finished."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun: tuple[float, float] | None = None
        self._last_line = -_LINE_SECONDS

    def show(self, finished: float, text: str) -> None:
        if (now := time.monotonic()) - self._last_line < _LINE_SECONDS:
            return
        self._last_line = now
        left = ""
        # What an earlier run has finished took no time of this one.
        begun, before = self._begun = self._begun or (now, finished)
        if finished > before:
            each = (now - begun) / (finished - before)
            minutes, seconds = divmod(round(each * (self._total - finished)), 60)
            left = f", about {minutes} min {seconds:02d} s left"
        number = min(int(finished) + 1, self._total)
        click.echo(f"[{number}/{self._total}] {clean(text)}{left}", err=True)


@contextmanager
def shown_steps(total: int) -> Iterator[Show]:
    """Show the progress of ``total`` steps; call the result with it."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(total).show
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
        task = bar.add_task("", total=total)
        yield lambda finished, text: bar.update(
            task, completed=finished, description=escape(clean(text))
        )


@contextmanager
def shown_launches(backbones: Sequence[Backbone]) -> Iterator[Callable[[Backbone, int, int], None]]:
    """Show the progress of a measurement; call the result before each launch."""
    with shown_steps(len(backbones)) as show:
        begun: dict[Backbone, None] = {}

        def progress(backbone: Backbone, launch: int, planned: int) -> None:
            begun[backbone] = None
            text = f"measuring {backbone.name}, launch {launch + 1} of {max(planned, launch + 1)}"
            show(len(begun) - 1 + min(launch / planned, 1.0), text)

        yield progress


@contextmanager
def shown_exports() -> Iterator[ExportListener]:
    """Show exports: a bar, and a line for each message, failure and finished download."""
    with ExitStack() as bar:
        yield _ShownExports(bar)


class _ShownExports(ExportListener):
    """Shows exports; ``bar`` holds the progress bar of the exports that were planned last."""

    def __init__(self, bar: ExitStack) -> None:
        self._bar = bar
        self._show: Show | None = None
        self._running: list[str] = []
        self._left = 0
        self._finished = 0
        self._downloads = Downloads((), self._say)
        self._notice = tell_once()

    def planned(self, exports: int) -> None:
        self._bar.close()
        self._show = self._bar.enter_context(shown_steps(exports))
        self._left, self._finished = exports, 0

    def downloads(self, backbones: Sequence[Backbone]) -> None:
        self._downloads = Downloads(backbones, self._say)

    def downloading(self, backbone: Backbone, done: int, total: int | None) -> None:
        self._downloads.progress(backbone, done, total)

    def downloaded(self, backbone: Backbone) -> None:
        self._downloads.arrived(backbone)
        self._say_what_runs()

    def started(self, backbone: Backbone, precision: Precision) -> None:
        name = _name(backbone, precision)
        if name not in self._running:
            self._running.append(name)
        self._say_what_runs()

    def waiting(self, backbones: Sequence[Backbone]) -> None:
        names = ", ".join(backbone.name for backbone in backbones)
        tell(f"{names}: another process is exporting; simx waits for it and uses its result")

    def finished(self, outcome: Outcome) -> None:
        name = _name(outcome.backbone, outcome.precision)
        if name in self._running:  # an export that failed before its turn never started
            self._running.remove(name)
        self._finished += 1
        self._downloads.end(outcome.backbone)
        if isinstance(outcome, NotExported):
            tell(f"{name} was not exported: {outcome.stage}: {outcome.reason}")
        if self._finished == self._left:
            self._bar.close()
            self._show = None

    def notice(self, text: str) -> None:
        self._notice(text)

    def _say_what_runs(self) -> None:
        self._say(f"exporting {', '.join(self._running)}")

    def _say(self, text: str) -> None:
        if self._show is not None:
            self._show(self._finished, text)


class Downloads:
    """Shows downloads, each of which reports from its own thread.

    Args:
        backbones: Those whose checkpoints are to be downloaded.
        say: Shows the text of the progress bar; a finished download gets a line of its own.
    """

    def __init__(self, backbones: Sequence[Backbone], say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = Lock()
        self._sizes = {backbone.name: checkpoint_bytes(backbone) for backbone in backbones}
        self._done: dict[str, int] = {}
        self._arrived: set[str] = set()

    def progress(self, backbone: Backbone, done: int, total: int | None) -> None:
        """Show how many bytes of a checkpoint have arrived."""
        with self._lock:
            self._done[backbone.name] = done
            self._sizes[backbone.name] = max(total or self._sizes.get(backbone.name, 0), done)
            each = [
                f"{name} {100 * done // max(self._sizes[name], 1)} %"
                for name, done in self._done.items()
                if name not in self._arrived
            ]
            self._say(f"downloading {', '.join(each)}: {self._overall()}")

    def arrived(self, backbone: Backbone) -> None:
        """Show that a checkpoint has arrived."""
        with self._lock:
            size = self._sizes.setdefault(backbone.name, checkpoint_bytes(backbone))
            self._done[backbone.name] = size
            self._arrived.add(backbone.name)
            line = f"downloaded {checkpoint_path(backbone).name}, {size_of(size)}"
            if len(self._sizes) > 1:
                count = f"{len(self._arrived)} of {len(self._sizes)}"
                line += f" ({count} checkpoints, {self._overall()})"
            tell(line)

    def end(self, backbone: Backbone) -> None:
        """Do not count the bytes of a download that failed."""
        with self._lock:
            if backbone.name not in self._arrived:
                self._done.pop(backbone.name, None)

    def _overall(self) -> str:
        return f"{size_of(sum(self._done.values()))} of {size_of(sum(self._sizes.values()))}"


def _name(backbone: Backbone, precision: Precision) -> str:
    return backbone.name if precision == "fp32" else f"{backbone.name} in {precision}"
