"""``simx history``: on which of many reports something changed."""

from pathlib import Path

import click

from simx.cli.output import force_option, output_option, require_output, show, tell
from simx.cli.parameters import Utf8Path, choice_option, share
from simx.common.errors import ExitCode, InputError
from simx.common.input_files import shown
from simx.common.safe_text import counted
from simx.report.content import Form

_HELP = """
Read many REPORTs of the same cells, and say on which of them something changed: single cells, what
the cells of a target have in common, or the machine. A folder stands for all reports in it.

Each change has its size with an interval, how sure it is, and what else changed in that report:
versions, driver, kernel, governor, commit. Of all changes that are named, at most one in twenty is
expected to be chance, however many cells there are.

What was read is kept in the user's cache folder, so that only new reports are read the next time.
"""


@click.command("history", help=_HELP)
@click.argument(
    "reports",
    nargs=-1,
    required=True,
    metavar="REPORT|FOLDER...",
    type=Utf8Path(path_type=Path),
)
@click.option(
    "--threshold",
    type=share,
    metavar="PERCENT",
    default="1%",
    show_default=True,
    help="Smallest change that matters, in either direction.",
)
@choice_option(
    "--format",
    ("table", "markdown", "json", "html", "otava"),
    "Output format; otava is the CSV that Apache Otava reads.",
)
@output_option
@force_option
def command(
    reports: tuple[Path, ...], threshold: float, format: Form, output: Path | None, force: bool
) -> ExitCode:
    """Run ``simx history``."""
    # Heavy: numpy and scipy, which --help does not need.
    from simx.report.contents import history_content  # noqa: PLC0415
    from simx.results.history.history import history  # noqa: PLC0415
    from simx.results.history.store import collect  # noqa: PLC0415

    missing = [path for path in reports if not path.exists()]
    if missing:
        raise InputError(f"{shown(missing[0])}: no such file or folder; name reports or a folder")
    require_output(output, format, reports, force=force)
    found = collect(reports, lambda done, of: tell(f"{done:,} of {of:,} new files read"))
    for problem in found.problems:
        tell(problem)
    if found.others:
        is_no_report = "is no report" if found.others == 1 else "are no reports"
        tell(f"{counted(found.others, 'JSON file')} {is_no_report}, and not read")
    if found.copies:
        tell(f"not counted, because another file has the same report: {found.copies:,}")
    if not found.reports:
        raise InputError(f"{shown(reports[0])}: no report to read; simx bench writes them")
    show(history_content(history(found.reports, threshold)), format, output)
    return ExitCode.CELLS_FAILED if found.problems else ExitCode.DONE
