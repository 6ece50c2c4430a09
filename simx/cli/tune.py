"""``simx tune``: find the fastest settings, confirm them, and print code to paste."""

from pathlib import Path
from typing import Literal

import click

from simx.cli import options
from simx.cli.configuration import with_path
from simx.cli.output import force_option, output_option, require_output, show
from simx.cli.parameters import choice_option, duration
from simx.common.errors import ExitCode
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.report.content import Form

_HELP = """
Find the fastest settings of each MODEL on this machine.

Threads, batches, precisions and variants of each backend are searched by successive halving, all
candidates in the same rounds. Then the winner and the defaults are measured against each other on
fresh processes, from which alone the gain is computed. This takes some minutes for each backbone;
do not use the machine meanwhile.

MODEL is a name or a glob. The exit code is 3 if nothing could be found for one of them.
"""


@click.command("tune", help=_HELP)
@options.select_argument
@options.model_options
@choice_option(
    "--goal",
    ("latency", "throughput"),
    "Time of one picture, or pictures a second with any batch up to 32.",
)
@click.option(
    "--max-latency",
    type=duration,
    metavar="TIME",
    help="Longest time that a call may take, such as 50ms.",
)
@options.backend_option
@options.provider_option
@options.precision_option
@options.weights_option
@options.offline_option
@options.threads_option
@click.option(
    "--budget",
    type=duration,
    metavar="TIME",
    help="Time for each backbone, such as 5m. A search and five launches after it are made in any "
    "case.",
)
@options.seed_option
@options.store_option
@options.verdict_format_option
@output_option
@force_option
def command(
    select: tuple[str, ...],
    model: tuple[str, ...],
    preprocess: tuple[str, ...],
    goal: Literal["latency", "throughput"],
    max_latency: float | None,
    backend: tuple[str, ...],
    provider: tuple[str, ...],
    precision: tuple[Precision, ...],
    weights: WeightsRequest,
    offline: bool,
    threads: int | None,
    budget: float | None,
    seed: int,
    store: Path,
    format: Form,
    output: Path | None,
    force: bool,
) -> ExitCode:
    """Run ``simx tune``."""
    # What measuring needs (numpy, the runner) would slow down --help.
    from simx.api import tune  # noqa: PLC0415
    from simx.cli.progress import shown_exports, shown_launches  # noqa: PLC0415
    from simx.report.contents import tuning_content  # noqa: PLC0415

    reads = (store, weights.path, *map(Path, (*model, *preprocess)))
    require_output(output, format, list(filter(None, reads)), force=force)
    with shown_exports() as listener:
        found = tune(
            select,
            goal=goal,
            max_latency=max_latency,
            models=model,
            preprocess=preprocess,
            backends=[with_path(name) for name in backend],
            providers=provider,
            precisions=precision,
            weights=weights,
            offline=offline,
            threads=threads,
            budget=budget,
            seed=seed,
            store=store,
            listener=listener,
            measuring=shown_launches,
        )
    show(tuning_content(found), format, output)
    failed = any(each.problem for each in found.models)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE
