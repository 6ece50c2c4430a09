"""Where a result goes: stdout, or the file that ``-o`` names."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import click

from simx.common.atomic import write_atomically
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.common.safe_text import clean
from simx.report.content import Content, Form, Screen, render
from simx.workers.variables import notes

_PIPE_WIDTH = 100
"""Columns of a table in a pipe or a file; the variable ``COLUMNS`` sets another number."""


def in_a_folder(_context: object, _option: object, output: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work begins.

    Raises:
        InputError: The file has no name, or its folder is missing.
    """
    if output is not None and not output.name:
        raise InputError("--output is empty; name a file")
    if output is not None and not output.parent.is_dir():
        raise InputError(f"{output}: there is no folder {output.parent}; create it first")
    return output


output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=in_a_folder,
    help="Write the result to this file instead of stdout.",
)


def show(content: Content, form: Form, output: Path | None, *, detail: bool = False) -> None:
    """Write a result in a format, to a file or stdout; with colours only on a terminal.

    Raises:
        InputError: The result cannot be made with these options.
        SystemFailureError: The file, or stdout, cannot be written.
    """
    wants_color = os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    color = output is None and _on_terminal() and wants_color
    screen = Screen(width=_width(), color=color, detail=detail)
    emit(render(content, form, screen), output)


def emit(text: str, output: Path | None) -> None:
    """Write a rendered result, ending in one line break.

    Raises:
        SystemFailureError: The file, or stdout, cannot be written.
    """
    text = text.rstrip("\n") + "\n"
    if output is not None:
        write_atomically(output, text.encode())
        return
    try:
        click.echo(text, nl=False, color=True)
    except OSError as error:
        # Python must not try again, and complain, when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # A reader that closes the pipe needs no more output.
        if not isinstance(error, BrokenPipeError):
            raise SystemFailureError(f"stdout: cannot be written ({error.strerror})") from None


def next_step(report: Path) -> str:
    """Return the commands that show the rest of a report."""
    name = shlex.quote(shown(report))
    return (
        f"All figures: simx report {name} --detail, or as a page: "
        f"simx report {name} --format html -o report.html"
    )


def append_step_summary(content: Content) -> None:
    """Append a result as Markdown to the file that ``GITHUB_STEP_SUMMARY`` names, if it is set.

    Raises:
        SystemFailureError: The file cannot be written.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(render(content, "markdown", Screen(width=_width())))
    except OSError as error:
        raise SystemFailureError(
            f"{path}: the step summary cannot be written ({error.strerror}); "
            "unset GITHUB_STEP_SUMMARY to omit it"
        ) from None


def tell(text: str) -> None:
    """Write one line to stderr, without control characters."""
    click.echo(f"simx: {clean(text)}", err=True)


def tell_variables() -> None:
    """Say which variables workers do not see, and which they keep."""
    for note in notes():
        tell(note)


def tell_once() -> Callable[[str], None]:
    """Return a function that writes each different line to stderr once."""
    return cache(tell)


def _width() -> int:
    if _on_terminal() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return _PIPE_WIDTH


def _on_terminal() -> bool:
    # sys.stdout is None, whatever its type says, if the process has none.
    return sys.__stdout__ is not None and sys.__stdout__.isatty()
