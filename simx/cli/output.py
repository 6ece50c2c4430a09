"""Where a result goes: stdout, or the file that ``-o`` names."""

import os
import shutil
import sys
from pathlib import Path

import click

from simx.errors import InputError
from simx.results.atomic import write_atomically

_PIPE_WIDTH = 100
"""Columns of a table that goes into a pipe or a file, unless ``COLUMNS`` says otherwise."""

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the result to this file instead of stdout.",
)


def emit(text: str, output: Path | None) -> None:
    """Write a rendered result, ending in one line break.

    Raises:
        InputError: the folder of the file that was named is not there.
        SystemFailureError: the file cannot be written.
    """
    text = text.rstrip("\n") + "\n"
    if output is None:
        click.echo(text, nl=False, color=True)
        return
    if not output.parent.is_dir():
        raise InputError(f"{output}: there is no folder {output.parent}; make it first")
    write_atomically(output, text.encode())


def width() -> int:
    """Return the columns a table may take."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return _PIPE_WIDTH


def wants_color(output: Path | None) -> bool:
    """Whether escape codes belong into the result: on a terminal that was not told otherwise."""
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return output is None and terminal and not os.environ.get("NO_COLOR")
