"""``simx bench``: measure; write a report and print the tables."""

from pathlib import Path
from typing import Any

import click

from simx.cli import options
from simx.cli.output import in_a_folder
from simx.cli.parameters import Duration, Share, Size, Text, TextPath
from simx.common.errors import ExitCode

_picture_path = TextPath(path_type=Path)
_COUNT = click.IntRange(1, 10_000)
_SEED = click.IntRange(0, 2**63 - 1)
_TYPED = click.core.ParameterSource.COMMANDLINE


@click.command("bench")
@options.select_argument
@options.all_option
@options.gflops_option
@options.family_option
@click.option(
    "--backend",
    multiple=True,
    default=("torch", "ort"),
    show_default=True,
    metavar="NAME[:VARIANT]",
    help="What executes: torch or ort, or a variant of it such as torch:channels-last or "
    "ort:spinning. Repeatable.",
)
@click.option(
    "--provider",
    multiple=True,
    default=("cpu",),
    show_default=True,
    help="Where: an execution provider of ONNX Runtime, or cpu, cuda, ... Repeatable.",
)
@click.option(
    "--provider-option",
    type=Text(),
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of ONNX Runtime's execution provider, such as use_tf32=1; labels its cells. "
    "Repeatable.",
)
@click.option(
    "--allow-partial",
    is_flag=True,
    help="Measure also where a part of a network's nodes runs elsewhere than on the provider; the "
    "share becomes part of the cell's name.",
)
@options.embedding_option
@options.precision_option
@options.weights_option
@options.mirror_option
@options.offline_option
@click.option("--anchor", type=_picture_path, help="Your own anchor picture.")
@click.option("--positive", type=_picture_path, help="Your own positive picture.")
@click.option("--negative", type=_picture_path, help="Your own negative picture.")
@options.threads_option
@click.option(
    "--profile",
    type=click.Choice(["quick", "default", "precise"]),
    default="default",
    show_default=True,
    help="How precisely: quick is a look, default aims at 1.5 %, precise at 0.5 %.",
)
@click.option(
    "--half-width",
    type=Share(),
    metavar="PERCENT",
    help="How far the ratio's interval may reach to each side, such as 1.5%. Decides how many "
    "launches there are.",
)
@click.option(
    "--budget",
    type=Duration(),
    metavar="TIME",
    help="Longest time for each backbone, such as 60s or 5m.",
)
@click.option("--launches", type=_COUNT, help="As many fresh processes per cell as this instead.")
@click.option("--rounds", type=_COUNT, help="Rounds per launch, instead of the profile's.")
@click.option("--seed", type=_SEED, default=0, show_default=True, help="Of every random order.")
@click.option(
    "--worker-memory",
    type=Size(),
    metavar="SIZE",
    help="Most address space that each measuring worker may have, such as 4GB (Linux). CUDA "
    "reserves far more of it than it uses.",
)
@options.store_option
@options.ranges_option
@options.layout_option
@options.detail_option
@options.report_format_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=in_a_folder,
    show_default="a file in the user's data folder",
    help="Where the report goes.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="REPORT",
    help="Finish this report of a run that ended early, with the options it was begun with. Cells "
    "that failed stay failed.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    resume: Path | None,
    **given: Any,  # noqa: ANN401 - click's values, typed by BenchOptions
) -> ExitCode:
    """Measure the backbones that SELECT names, having exported those the store lacks.

    SELECT is a name or a glob, with :weights where not the default ones. Without SELECT, --all,
    --gflops and --family, everything the store holds is measured.
    """
    # What measuring needs (numpy, the runner) would slow down --help.
    from simx.cli import benchmarking, resuming  # noqa: PLC0415
    from simx.cli.bench_options import BenchOptions  # noqa: PLC0415

    options = BenchOptions(**given)
    if resume is None:
        return benchmarking.benchmark(options)
    typed = [name for name in given if context.get_parameter_source(name) is _TYPED]
    return resuming.resume(resume, options, typed)
