"""``simx selfcheck``: tests whether this machine is quiet, and whether the statistics hold."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.output import force_option, output_option, require_output, show, tell_variables
from simx.cli.showing.progress import shown_steps
from simx.common.errors import ExitCode
from simx.report.content import Form

_HELP = """
Test the statistics of simx on this machine, and find its noise floor.

Compare a small network with itself and with a slightly slower one, with and without a busy
neighbour. Apply the same statistics to simulated comparisons with known ratios. This takes
about a quarter of an hour; do not use the machine meanwhile. The exit code is 3 if a claim
does not hold.
"""


@click.command("selfcheck", help=_HELP)
@click.option(
    "--quick", is_flag=True, help="Measure the noise floor; simulate the rest (up to 2 minutes)."
)
@click.option(
    "--comparisons",
    type=click.IntRange(2, 10_000),
    default=40,
    show_default=True,
    help="Number of comparisons of a network with itself.",
)
@options.threads_option
@options.verdict_format_option
@output_option
@force_option
def command(
    quick: bool,
    comparisons: int,
    threads: int | None,
    format: Form,
    output: Path | None,
    force: bool,
) -> ExitCode:
    """Run ``simx selfcheck``."""
    # Heavy: numpy, scipy and the runner, which --help does not need.
    from simx.report.contents import selfcheck_content  # noqa: PLC0415
    from simx.runner.bench.threads import default_threads  # noqa: PLC0415
    from simx.selfcheck.check import Extent, run_selfcheck  # noqa: PLC0415

    require_output(output, format, (), force=force)
    tell_variables()
    extent = Extent(quick=quick, threads=threads or default_threads(), comparisons=comparisons)
    with shown_steps(1) as show_step:
        found = run_selfcheck(
            extent, lambda what, place, count: show_step(0, f"{what}, {place + 1} of {count}")
        )
    show(selfcheck_content(found), format, output)
    return ExitCode.DONE if found.holds else ExitCode.CELLS_FAILED
