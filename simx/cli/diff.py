"""``simx diff``: what changed between two reports, and how certain that is."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simx.cli import options
from simx.cli.output import append_to, force_option, output_option, require_output, step_summary
from simx.cli.output import show as show_content
from simx.cli.parameters import PathOrDash, choice_option, names_among, share
from simx.common.errors import ExitCode
from simx.common.input_files import STDIN
from simx.models.ranges import Range
from simx.report.content import Form
from simx.results.comparison.names import DIFFERENCE_NAMES, DifferenceName

if TYPE_CHECKING:
    from simx.report.blocks.comparison import Show
    from simx.results.comparison.outcome import FailOn


_HELP = """
Compare NEW reports with BASE, cell by cell, or two targets of BASE. A report of - is
stdin.

Two targets of one report were measured in the same rounds, so --between shows much smaller
differences than two reports do.

A change counts only if its whole interval lies beyond the threshold. The interval allows for
the difference between two equal runs. Cells of different networks, settings, machines or
libraries are listed with their differences. They are compared only if --allow names these.
The first and the last line count the cells with a verdict, and those without one by the reason.
"""


@click.command("diff", help=_HELP)
@click.argument("base", type=PathOrDash(STDIN))
@click.argument("new", nargs=-1, type=PathOrDash(STDIN))
@click.option(
    "--between",
    nargs=2,
    metavar="A B",
    help="Compare target B with target A of the one report BASE, such as torch and 'ort cpu'; or "
    "two kinds of nodes, which were not measured in the same rounds.",
)
@click.option(
    "--threshold",
    type=share,
    metavar="PERCENT",
    default="3%",
    show_default=True,
    help="Smallest change that matters, in either direction.",
)
@click.option(
    "--allow",
    type=names_among(DIFFERENCE_NAMES),
    multiple=True,
    metavar="NAME,...",
    help=f"Compare cells that differ in this: {', '.join(DIFFERENCE_NAMES)}. Repeatable.",
)
@click.option(
    "--repeat",
    type=PathOrDash(STDIN),
    multiple=True,
    metavar="REPORT",
    help="Report of BASE measured again, to estimate how much two equal runs differ. Repeatable.",
)
@choice_option(
    "--fail-on",
    ("regression", "inconclusive", "never"),
    "regression: exit with code 6 for a regression; inconclusive: also with code 7 if a cell of "
    "either report has no verdict; never: for neither. If no cell has a verdict, the code is 7 for "
    "each of them.",
)
@choice_option(
    "--show",
    ("auto", "changes", "all"),
    "Cells in the tables: all, only the changed ones, or all unless they are many (auto).",
)
@options.ranges_option
@options.format_option
@output_option
@force_option
def command(
    base: Path,
    new: tuple[Path, ...],
    between: tuple[str, str] | None,
    threshold: float,
    allow: tuple[tuple[DifferenceName, ...], ...],
    repeat: tuple[Path, ...],
    fail_on: "FailOn",
    show: "Show",
    ranges: tuple[Range, ...],
    format: Form,
    output: Path | None,
    force: bool,
) -> ExitCode:
    """Run ``simx diff``."""
    # Heavy: numpy and scipy, which --help does not need.
    from simx.report.contents import comparison_content  # noqa: PLC0415
    from simx.results.comparison.compare import (  # noqa: PLC0415
        ComparisonCriteria,
        Named,
        compare,
        compare_between,
    )
    from simx.results.comparison.outcome import gate  # noqa: PLC0415
    from simx.results.comparison.reading import read_digests  # noqa: PLC0415

    if bool(new) == bool(between) or (between and (repeat or allow)):
        raise click.UsageError(
            "name one report with --between A B, without --repeat and --allow, or two reports and "
            "more without --between"
        )
    reads = [base, *new, *repeat]
    require_output(output, format, reads, force=force)
    summary = step_summary(reads)
    first, *others = read_digests(reads)
    criteria = ComparisonCriteria(
        threshold=threshold,
        ranges=ranges,
        allow=frozenset(name for names in allow for name in names),
    )
    paths = (base, *new)
    alike = len({path.name for path in paths}) < len(set(paths))
    name = {path: str(path) if alike else path.name for path in paths}
    compared = [
        compare(Named(name[base], first), Named(name[path], digest), criteria, others[len(new) :])
        for path, digest in zip(new, others, strict=False)
    ]
    if between:
        compared = [compare_between(first, *between, criteria)]
    content = comparison_content(compared, show)
    show_content(content, format, output)
    if summary is not None:
        append_to(summary, content)
    return gate(compared, fail_on)
