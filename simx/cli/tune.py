"""``simx tune``: find the fastest settings, confirm them, and print code to paste."""

from pathlib import Path
from typing import Literal

import click

from simx.cli import options
from simx.cli.configuration import SETTINGS_FILES, typed_fields, with_path
from simx.cli.output import force_option, report_option, resume_option, show, tell
from simx.cli.parameters import choice_option, duration, kind_option, on_option
from simx.common.errors import ExitCode
from simx.common.input_files import shown
from simx.common.output_files import require_unread
from simx.common.user_folders import new_report_path
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.report.content import Form

_HELP = """
Find the fastest settings of each MODEL on this machine.

Threads, batches, precisions and variants of each backend are searched by successive halving, all
candidates in the same rounds. Then the winner and the defaults are measured against each other on
fresh processes, from which alone the gain is computed. This takes some minutes for each backbone;
do not use the machine meanwhile. A report of JSON is written, from which bench takes --settings.

MODEL is a name or a glob. The exit code is 3 if nothing could be found for one of them.
"""


@click.command("tune", help=_HELP)
@options.select_argument
@options.model_options
@choice_option(
    "--goal",
    ("latency", "throughput"),
    "Time of one picture, or pictures a second with any batch up to 32 and several instances.",
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
@report_option
@force_option
@resume_option
@on_option
@kind_option
@click.pass_context
def command(
    context: click.Context,
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
    store: str,
    format: Form,
    output: Path | None,
    force: bool,
    resume: Path | None,
    on: str | None,
    kind: str | None,
) -> ExitCode:
    """Run ``simx tune``."""
    # What measuring needs (numpy, the runner) would slow down --help.
    from simx.api import tune  # noqa: PLC0415
    from simx.cli.showing.progress import shown_exports, shown_launches  # noqa: PLC0415
    from simx.report.contents import tuning_content  # noqa: PLC0415
    from simx.results.files.journal import report_path  # noqa: PLC0415

    path = report_path(resume) if resume else output or new_report_path()
    require_unread(path, SETTINGS_FILES)
    with shown_exports() as listener:
        found = tune(
            select,
            goal=goal,
            max_latency=max_latency,
            models=model,
            preprocess=preprocess,
            report=path,
            backends=[with_path(name) for name in backend],
            providers=provider,
            precisions=precision,
            weights=weights,
            offline=offline,
            threads=threads,
            budget=budget,
            seed=seed,
            store=store,
            resume=None if resume is None else typed_fields(context, output, path),
            force=force,
            on=on,
            kind=kind,
            listener=listener,
            measuring=shown_launches,
        )
    try:
        show(tuning_content(found), format, None)
    finally:
        # The result is safe, also if stdout cannot be written.
        tell(f"report saved as {shown(path)}")
    failed = any(each.problem for each in found.models)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE
