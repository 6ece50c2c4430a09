"""``simx bench``: measure; write a report and print the tables."""

from pathlib import Path

import click
import msgspec

from simx.cli import options
from simx.cli.configuration import SETTINGS_FILES, TYPED, typed_fields, with_path
from simx.cli.output import force_option, next_step, resume_option, show, tell
from simx.cli.parameters import (
    PathOrDash,
    Utf8Path,
    choice_option,
    duration,
    kind_option,
    on_option,
    per_option,
    price_option,
    share,
    size,
)
from simx.common.errors import ExitCode, InputError
from simx.common.input_files import shown
from simx.common.output_files import STDOUT, require_unread
from simx.common.user_folders import new_report_path
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.models.ranges import Range
from simx.report.blocks.document import Layout
from simx.report.content import Form
from simx.results.schema.config import Per, ProfileName, Scenario

_PICTURE = Utf8Path(path_type=Path)
_COUNT = click.IntRange(1, 10_000)


def _use_settings(context: click.Context, _option: object, path: Path | None) -> Path | None:
    """Make the settings of a file the defaults of this run."""
    if path is not None:
        from simx.results.files.report import read_settings  # noqa: PLC0415 - slow

        found = msgspec.to_builtins(read_settings(path)).items()
        given = {of: each if isinstance(each, str) else list(map(str, each)) for of, each in found}
        context.default_map = {**(context.default_map or {}), **given}
    return path


_HELP = """
Measure the backbones that SELECT names. Export them first if the store lacks them.

SELECT is a name or a glob, with :weights for other weights than the default. --model adds an ONNX
file of your own. Without SELECT, --all, --gflops, --family and --model, simx measures everything in
the store.
"""


@click.command("bench", help=_HELP)
@options.selection_options
@options.model_options
@options.target_options
@options.export_options
@click.option("--anchor", type=_PICTURE, help="File of your own anchor picture.")
@click.option("--positive", type=_PICTURE, help="File of your own positive picture.")
@click.option("--negative", type=_PICTURE, help="File of your own negative picture.")
@options.setting_options
@click.option(
    "--settings",
    type=Utf8Path(path_type=Path),
    is_eager=True,
    callback=_use_settings,
    metavar="FILE",
    help="Result of simx tune --format json: measure its best settings beside the defaults. Typed "
    "options override it.",
)
@choice_option(
    "--profile",
    ("default", "quick", "precise"),
    "Precision of the measurement: default for 1.5 %, quick for a first look, precise for 0.5 %.",
)
@click.option(
    "--half-width",
    type=share,
    metavar="PERCENT",
    help="Target half-width of the ratio's interval, such as 1.5%. Sets the number of launches.",
)
@click.option(
    "--budget",
    type=duration,
    metavar="TIME",
    help="Begin no launch of a backbone that would end after this time, such as 60s or 5m.",
)
@click.option(
    "--launches", type=_COUNT, help="Number of processes per cell, instead of a target precision."
)
@click.option("--rounds", type=_COUNT, help="Number of rounds per process. Default: by profile.")
@options.seed_option
@click.option(
    "--worker-memory",
    type=size,
    metavar="SIZE",
    help="Address space limit of each measuring worker, such as 4GB (Linux only). CUDA reserves "
    "much more than it uses.",
)
@options.store_option
@options.ranges_option
@options.layout_option
@options.detail_option
@click.option("--verbose", is_flag=True, help="Say what each backbone's seconds were spent for.")
@options.report_format_option
@click.option(
    "-o",
    "--output",
    type=PathOrDash(STDOUT),
    show_default="a file in the user's data folder",
    help="File of the report. With -, the report goes to stdout instead of the tables, and also to "
    "a file in the user's data folder.",
)
@force_option
@resume_option
@on_option
@kind_option
@per_option
@price_option
@click.pass_context
def command(
    context: click.Context,
    select: tuple[str, ...],
    all: bool,
    gflops: tuple[Range, ...],
    family: tuple[str, ...],
    model: tuple[str, ...],
    preprocess: tuple[str, ...],
    backend: tuple[str, ...],
    provider: tuple[str, ...],
    provider_option: tuple[str, ...],
    env: tuple[str, ...],
    allow_partial: bool,
    embedding: EmbeddingKind,
    precision: tuple[Precision, ...],
    calibrate: Path | None,
    weights: WeightsRequest,
    weights_key: str | None,
    weights_mirror: str | None,
    offline: bool,
    anchor: Path | None,
    positive: Path | None,
    negative: Path | None,
    batch: tuple[int, ...],
    threads: tuple[int, ...],
    scenario: Scenario,
    instances: tuple[int, ...],
    rate: float | None,
    latency_bound: float | None,
    shared_session: bool,
    pin: bool,
    pause: float | None,
    duration: float | None,
    settings: Path | None,
    profile: ProfileName,
    half_width: float | None,
    budget: float | None,
    launches: int | None,
    rounds: int | None,
    seed: int,
    worker_memory: int | None,
    store: str,
    ranges: tuple[Range, ...],
    layout: Layout,
    detail: bool,
    verbose: bool,
    format: Form,
    output: Path | None,
    force: bool,
    resume: Path | None,
    on: str | None,
    kind: str | None,
    per: Per | None,
    price: tuple[str, ...],
) -> ExitCode:
    """Run ``simx bench``."""
    # What measuring needs (numpy, the runner) would slow down --help.
    from simx.api import bench  # noqa: PLC0415
    from simx.cli.showing.progress import shown_exports, shown_launches  # noqa: PLC0415
    from simx.report.contents import report_content  # noqa: PLC0415
    from simx.report.words.heading import seconds_spent  # noqa: PLC0415
    from simx.results.files.journal import report_path  # noqa: PLC0415
    from simx.results.schema.report import FailedCell  # noqa: PLC0415

    backbones: tuple[Backbone, ...] = ()
    if select or all or gflops or family:
        backbones = options.selected(select, everything=all, gflops=gflops, families=family)
    require_unread(
        STDOUT, filter(None, (weights.path, anchor, positive, negative, *model, *preprocess))
    )
    form = format
    if output == STDOUT:
        output, form = None, _form_of_stdout(context, format)
    path = output or new_report_path() if resume is None else report_path(resume)
    require_unread(path, filter(None, (*SETTINGS_FILES, settings)))
    typed = None if resume is None else typed_fields(context, output, path)
    with shown_exports() as listener:
        report = bench(
            tuple(backbone.name for backbone in backbones),
            report=path,
            models=model,
            preprocess=preprocess,
            backends=[with_path(name) for name in backend],
            providers=provider,
            provider_options=provider_option,
            env=env,
            allow_partial=allow_partial,
            embedding=embedding,
            precisions=precision,
            calibrate=calibrate,
            weights=weights,
            weights_key=weights_key,
            weights_mirror=weights_mirror,
            offline=offline,
            anchor=anchor,
            positive=positive,
            negative=negative,
            batches=batch,
            threads=threads or None,
            scenario=scenario,
            instances=instances,
            rate=rate,
            latency_bound=latency_bound,
            shared_session=shared_session,
            pinned=pin,
            pause=pause,
            duration=duration,
            profile=profile,
            launches=launches,
            rounds=rounds,
            half_width=half_width,
            budget=budget,
            seed=seed,
            worker_memory=worker_memory,
            store=store,
            resume=typed,
            on=on,
            kind=kind,
            per=per,
            prices=price,
            force=force,
            listener=listener,
            measuring=shown_launches,
        )
    for stop in report.stops if verbose else ():
        spent = ", ".join(seconds_spent([stop]))
        tell(f"{stop.model}:{stop.weights}: {stop.seconds:.1f} s ({spent})")
    content = report_content(
        [report],
        ranges,
        layout=layout,
        next_step=next_step(path) if form == "table" and not detail else "",
    )
    try:
        show(content, form, None, detail=detail)
    finally:
        # The report is safe, also if stdout cannot be written.
        tell(f"report saved as {shown(path)}")
    failed = any(isinstance(cell, FailedCell) for cell in report.cells)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE


def _form_of_stdout(context: click.Context, form: Form) -> Form:
    """Return the format of a report that goes to stdout.

    Raises:
        InputError: Another format was typed.
    """
    if context.get_parameter_source("format") is TYPED and form != "json":
        raise InputError(
            f"--output - with --format {form}: the report on stdout is JSON; omit one of the two"
        )
    return "json"
