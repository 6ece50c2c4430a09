"""``simx diff``: what changed between two reports, and how certain that is."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simx.cli import options
from simx.cli.output import append_step_summary, output_option
from simx.cli.output import show as show_content
from simx.cli.parameters import Names, Share
from simx.common.errors import ExitCode
from simx.models.ranges import Range
from simx.report.content import Form
from simx.results.comparison.names import DIFFERENCE_NAMES, DifferenceName

if TYPE_CHECKING:
    from simx.report.blocks.comparison import Show
    from simx.results.comparison.outcome import FailOn


@click.command("diff")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--threshold",
    type=Share(),
    default="3%",
    show_default=True,
    help="The change that matters, to either side.",
)
@click.option(
    "--allow",
    type=Names(DIFFERENCE_NAMES),
    multiple=True,
    metavar="NAME,...",
    help="Compare cells although this differs: " + ", ".join(DIFFERENCE_NAMES) + ". Repeatable.",
)
@click.option(
    "--repeat",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="REPORT",
    help="BASE measured again, to learn what two runs of the same thing differ in. Repeatable.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["regression", "inconclusive", "never"]),
    default="regression",
    show_default=True,
    help="What ends with another exit code than 0: 6 for a regression, 7 for any cell of BASE "
    "without a verdict. If nothing is comparable, the code is 7 in any case.",
)
@click.option(
    "--show",
    type=click.Choice(["auto", "changes", "all"]),
    default="auto",
    show_default=True,
    help="Which cells the tables have; auto: all, unless they are many.",
)
@options.ranges_option
@options.format_option
@output_option
def command(
    base: Path,
    new: tuple[Path, ...],
    threshold: float,
    allow: tuple[tuple[DifferenceName, ...], ...],
    repeat: tuple[Path, ...],
    fail_on: "FailOn",
    show: "Show",
    ranges: tuple[Range, ...] | None,
    format: Form,
    output: Path | None,
) -> ExitCode:
    """Compare NEW reports with BASE, cell by cell.

    A change counts only if its interval, which allows for what two runs of the same thing differ
    in, lies beyond the threshold. Cells that are not the same thing, or not on the same machine
    and libraries, are listed and explained, and compared only if --allow lets the difference pass.
    """
    # Heavy: numpy and scipy, which --help does not need.
    from simx.report.contents import comparison_content  # noqa: PLC0415
    from simx.results.comparison.compare import (  # noqa: PLC0415
        ComparisonCriteria,
        Named,
        compare,
    )
    from simx.results.comparison.outcome import gate  # noqa: PLC0415
    from simx.results.comparison.reading import read_digests  # noqa: PLC0415

    first, *others = read_digests([base, *new, *repeat])
    criteria = ComparisonCriteria(
        threshold=threshold,
        ranges=options.ranges_or_default(ranges),
        allow=frozenset(name for names in allow for name in names),
    )
    name = _names((base, *new))
    compared = [
        compare(Named(name[base], first), Named(name[path], digest), criteria, others[len(new) :])
        for path, digest in zip(new, others, strict=False)
    ]
    content = comparison_content(compared, show)
    show_content(content, format, output)
    append_step_summary(content)
    return gate(compared, fail_on)


def _names(paths: tuple[Path, ...]) -> dict[Path, str]:
    """Return the names of reports: of their files, or their paths where those are alike."""
    alike = len({path.name for path in paths}) < len(set(paths))
    return {path: str(path) if alike else path.name for path in paths}
