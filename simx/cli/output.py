"""Where a result goes: stdout, or the file that ``-o`` names; and the standard streams."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache
from io import TextIOWrapper
from pathlib import Path

import click

from simx.cli.configuration import SETTINGS_FILES
from simx.cli.parameters import PathOrDash, Utf8Path
from simx.common.atomic import write_atomically
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import STDIN, shown
from simx.common.output_files import STDOUT, has_content, require_unread
from simx.common.safe_text import clean
from simx.common.spelling import IN_ASCII, can_show, register
from simx.report.content import Content, Form, Screen, render
from simx.report.formats.recognition import is_rendering
from simx.workers.variables import notes

_PIPE_WIDTH = 100
"""Columns of a table in a pipe or a file; the variable ``COLUMNS`` sets another number."""


_LAST_STREAM = 2
"""The descriptor of stderr."""

output_option = click.option(
    "-o",
    "--output",
    type=PathOrDash(STDOUT),
    callback=lambda _context, _option, output: None if output == STDOUT else output,
    help="Write the result to this file instead of stdout.",
)

force_option = click.option(
    "--force", is_flag=True, help="Replace the output file, whatever it holds."
)

report_option = click.option(
    "-o",
    "--output",
    type=Utf8Path(path_type=Path, dir_okay=False),
    show_default="a file in the user's data folder",
    help="File of the report.",
)

resume_option = click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="REPORT",
    help="Continue a run that ended early, with the options of that run, and write to its report. "
    "Failed cells are not measured again.",
)


def prepare_streams() -> None:
    """Open closed streams on the null device, and let open ones take any text.

    The number of a closed stream would be given to the next file or socket that is opened, which
    would then get messages that are meant for people.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(opened, True)  # noqa: FBT003 - it has no name
    os.close(opened)
    register()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None if it was closed
            stream.reconfigure(errors=IN_ASCII)


def require_output(
    output: Path | None, form: Form, reads: Sequence[str | Path], *, force: bool = False
) -> None:
    """Refuse, before any work, an output that would destroy something.

    A file is replaced if it is one of simx's own results in the same format.

    Args:
        output: The file to write; None for stdout.
        form: The format of the result.
        reads: The files and folders that the command reads.
        force: Whether to replace any file that is not read.

    Raises:
        InputError: The output cannot be written, is read, or is another kind of file; stdin is to
            be read twice; or bytes would go to a terminal.
    """
    if reads.count(STDIN) > 1:
        raise InputError("stdin (-) can be read only once; name a file instead")
    if output is None and form == "parquet" and _on_terminal():
        raise InputError("--format parquet: a terminal cannot show it; name a file with -o")
    if output is None:
        require_unread(STDOUT, reads)
    elif has_content(output, [*reads, *SETTINGS_FILES]) and not (
        force or is_rendering(output, form)
    ):
        raise InputError(
            f"{shown(output)}: exists, and simx did not write it as {form}; name another file, "
            "or add --force to replace it"
        )


def show(content: Content, form: Form, output: Path | None, *, detail: bool = False) -> None:
    """Write a result in a format, to a file or stdout; with colours only on a terminal.

    Raises:
        InputError: The result cannot be made with these options.
        SystemFailureError: The file, or stdout, cannot be written.
    """
    wants_color = os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    color = output is None and _on_terminal() and wants_color
    in_ascii = output is None and not can_show(_encoding())
    screen = Screen(width=_width(), color=color, detail=detail, in_ascii=in_ascii)
    if form == "parquet" and content.parquet is not None:
        emit(content.parquet(), output, form)
    else:
        emit(render(content, form, screen), output, form)


def emit(text: str | bytes, output: Path | None, form: Form) -> None:
    """Write a rendered result: a file's bytes, or text with one line break at its end.

    Only tables, and what is shown on a terminal, are in the encoding of the locale.

    Raises:
        SystemFailureError: The file, or stdout, cannot be written.
    """
    data = text if isinstance(text, bytes) else (text.rstrip("\n") + "\n").encode()
    if output is not None:
        write_atomically(output, data)
        return
    is_for_people = form == "table" or _on_terminal()
    try:
        click.echo(data.decode() if is_for_people else data, nl=False, color=True)
    except OSError as error:
        # Python must not try again, and complain, when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # A reader that closes the pipe needs no more output.
        if not isinstance(error, BrokenPipeError):
            raise SystemFailureError(f"stdout: cannot be written ({error.strerror})") from None


def next_step(report: Path) -> str:
    """Return the commands that show the rest of a report, if it can be read again."""
    if report.is_relative_to("/dev"):  # stdin, or another pipe
        return ""
    name = shlex.quote(shown(report))
    return (
        f"All figures: simx report {name} --detail, or as a page: "
        f"simx report {name} --format html -o report.html"
    )


def step_summary(reads: Sequence[Path]) -> Path | None:
    """Return the file that ``GITHUB_STEP_SUMMARY`` names, if it is set.

    Raises:
        InputError: It is one of the files that the command reads.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return None
    require_unread(Path(path), reads)
    return Path(path)


def append_to(summary: Path, content: Content) -> None:
    """Append a result as Markdown to the file of a step's summary.

    Raises:
        SystemFailureError: The file cannot be written.
    """
    try:
        with summary.open("a", encoding="utf-8") as file:
            file.write(render(content, "markdown", Screen(width=_width())))
    except OSError as error:
        raise SystemFailureError(
            f"{summary}: the step summary cannot be written ({error.strerror}); "
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


def _encoding() -> str:
    # There is none without a stdout, and in programs that replace it.
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _on_terminal() -> bool:
    # sys.stdout is None, whatever its type says, if the process has none.
    return sys.__stdout__ is not None and sys.__stdout__.isatty()
