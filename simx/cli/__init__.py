"""The command line: one file per command, with its options, one library call and a rendering.

Only the command that runs is imported, so that ``simx --help`` starts in a fraction of a second.
Every expected error is one line on stderr and an exit code.
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from simx import __version__
from simx.cli.configuration import read_defaults
from simx.cli.output import prepare_streams, tell
from simx.common.errors import ExitCode, SimxError, Terminated, disk_failure
from simx.common.signals import exit_code_of, handle_signals
from simx.workers.ending import memory_limit  # now: later there may be no room to load it
from simx.workers.variables import BLAS_THREADS

COMMANDS = {
    "models": "List backbones, and which of them are exported.",
    "export": "Export backbones to ONNX.",
    "bench": "Measure latency; write a report and print its tables.",
    "evaluate": "Judge embeddings on your own pictures; write a report and print its tables.",
    "explain": "Say where the time goes, on two targets side by side.",
    "tune": "Find the fastest settings here; confirm them on fresh processes.",
    "report": "Render reports; choose a backbone.",
    "diff": "Compare two reports.",
    "history": "Say on which of many reports something changed.",
    "doctor": "Test what this machine and its installation can do.",
    "selfcheck": "Test whether this machine is quiet enough to measure.",
}
"""Each command is a file of this name in this folder."""


def _command(name: str) -> click.Command:
    command: click.Command = import_module(f"simx.cli.{name}").command
    return command


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return _command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_HELP = """
Which backend is faster for image embeddings, by how much, and is it the same vector?

simx exports torchvision's classification backbones, heads removed, to ONNX, and measures
embedding and similarity latency under PyTorch and ONNX Runtime.
"""
"""Help texts are no docstrings, which ``python -OO`` leaves out."""


@click.group(
    cls=_LazyGroup,
    help=_HELP,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SIMX"},
    epilog="Options can also come from SIMX_* variables (SIMX_STORE, SIMX_BENCH_THREADS) and from "
    "simx.toml or [tool.simx] in pyproject.toml. Flags override variables, variables override "
    "files.",
)
# Images and build scripts often use the variable SIMX_VERSION for something else.
@click.version_option(__version__, prog_name="simx", allow_from_autoenv=False)
@click.pass_context
def cli(context: click.Context) -> None:
    """Run ``simx``: read the defaults of its command, or show the help."""
    name = context.invoked_subcommand
    if name is None:
        click.echo(context.get_help(), err=True)
        context.exit(ExitCode.USAGE)
    others = [other for other in COMMANDS if other != name]
    context.default_map = {name: read_defaults(name, others, _command)}


def main() -> NoReturn:
    """Run the command line and exit with the documented code."""
    prepare_streams()
    # numpy's library starts a thread for each core. Where a limit on address space leaves no room
    # for them, it hangs or sends an interrupt. This process computes little; workers do not see it.
    os.environ.setdefault(BLAS_THREADS, "1")
    handle_signals()
    try:
        code = cli.main(prog_name="simx", standalone_mode=False)
    except (SimxError, click.ClickException) as error:
        tell(_message(error))
        code = error.exit_code
    except (ImportError, MemoryError, OSError) as error:
        cause = _cause_of(error)
        if cause is None:  # a bug
            raise
        tell(cause)
        code = ExitCode.SYSTEM
    except (click.Abort, KeyboardInterrupt):
        tell("interrupted")
        code = ExitCode.INTERRUPTED
    except Terminated as signalled:
        tell(f"ended by {signal.Signals(signalled.number).name}")
        code = exit_code_of(signalled.number)
    sys.exit(code)


def _cause_of(error: Exception) -> str | None:
    """Say why the system, and not simx, is the cause of an error; None if it may be simx."""
    limit = memory_limit()
    # So the C library says that there is no room for a library, or that it may not be executed.
    has_no_room = limit and "failed to map segment" in str(error)
    if isinstance(error, MemoryError) or has_no_room:
        return f"out of memory{limit}; close other programs, or use fewer or smaller files"
    if isinstance(error, ImportError):
        return f"{error.name or 'a library'} cannot be imported ({error}){limit}"
    if failure := disk_failure(error):
        place = failure.filename or "the disk"
        return f"{place}: {failure.strerror}; make room there (or in TMPDIR) and try again"
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename}: {error.strerror}; choose a place that this user may use"
    try:
        Path.cwd()
    except OSError:
        return "the current folder was deleted; change to another one and try again"
    return None


def _message(error: SimxError | click.ClickException) -> str:
    if isinstance(error, SimxError):
        return str(error)
    if not isinstance(error, click.UsageError):
        return error.format_message()
    command = error.ctx.command_path if error.ctx else "simx"
    message = error.format_message()
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop} See '{command} --help'."
