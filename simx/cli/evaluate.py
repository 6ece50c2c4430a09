"""``simx evaluate``: judge embeddings on the user's pictures; write a report, print the tables."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.configuration import SETTINGS_FILES, with_path
from simx.cli.output import force_option, report_option, show, tell, tell_variables
from simx.cli.parameters import Utf8Path, choice_option, kind_option, on_option
from simx.common.errors import ExitCode
from simx.common.input_files import shown
from simx.common.output_files import require_unread
from simx.common.user_folders import new_report_path
from simx.models.backbone import EmbeddingKind, Precision
from simx.models.ranges import Range
from simx.report.content import Form
from simx.results.schema.evaluation import Units

_HELP = """
Judge how well the embeddings of the backbones that SELECT names find what belongs together.

PICTURES is a folder whose sub-folders are classes; a folder of pictures without sub-folders, each
of which is compared with changed copies of itself; or a CSV file with the columns
anchor,positive,negative or first,second,same (1 or 0). Its paths are relative to its folder.

--model adds an ONNX file of your own. Without SELECT, --all, --gflops, --family and --model, simx
judges everything in the store.

Embeddings are kept and used again. An interrupted run goes on when the same command is given again.
"""


@click.command("evaluate", help=_HELP)
@click.argument("pictures", type=Utf8Path(path_type=Path))
@options.selection_options
@options.model_options
@options.target_options
@options.evaluation_options
@options.threads_option
@click.option(
    "--batch",
    type=click.IntRange(1, 4096),
    default=16,
    show_default=True,
    help="Number of pictures in one call of a network.",
)
@choice_option(
    "--resample",
    ("queries", "classes"),
    "What the intervals allow for: other pictures of the same classes (queries), or other classes. "
    "Without classes it is always the picture with its copies, or the anchor of a list.",
)
@click.option(
    "--resamples",
    type=click.IntRange(100, 100_000),
    default=1000,
    show_default=True,
    help="Number of draws of the bootstrap.",
)
@options.seed_option
@options.store_option
@click.option(
    "--cache",
    type=Utf8Path(path_type=Path, file_okay=False),
    show_default="embeddings in the user's cache folder",
    help="Folder that keeps the embeddings. It can be deleted at any time.",
)
@options.page_format_option
@click.option(
    "--no-pictures",
    is_flag=True,
    help="With --format html: leave out the small pictures of wrong, borderline and best pairs.",
)
@report_option
@force_option
@on_option
@kind_option
def command(
    pictures: Path,
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
    weights: tuple[str, ...],
    weights_key: str | None,
    weights_mirror: str | None,
    offline: bool,
    threads: int | None,
    batch: int,
    resample: Units,
    resamples: int,
    seed: int,
    store: str,
    cache: Path | None,
    format: Form,
    no_pictures: bool,
    output: Path | None,
    force: bool,
    on: str | None,
    kind: str | None,
) -> ExitCode:
    """Run ``simx evaluate``."""
    # Heavy: numpy, scipy and the runner, which --help does not need.
    from simx.api import evaluate  # noqa: PLC0415
    from simx.cli.showing.progress import shown_exports, shown_steps  # noqa: PLC0415
    from simx.report.contents import evaluation_content  # noqa: PLC0415
    from simx.results.schema.evaluation import FailedEvaluation  # noqa: PLC0415
    from simx.results.summaries.evaluated import PicturedPair  # noqa: PLC0415

    names: tuple[str, ...] = ()
    if select or all or gflops or family:
        chosen = options.selected(select, everything=all, gflops=gflops, families=family)
        names = tuple(backbone.name for backbone in chosen)
    path = output or new_report_path()
    require_unread(path, SETTINGS_FILES)
    tell_variables()
    pairs: list[PicturedPair] = []
    with shown_exports() as listener:
        found = evaluate(
            pictures,
            names,
            models=model,
            preprocess=preprocess,
            report=path,
            backends=tuple(map(with_path, backend)),
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
            threads=threads,
            batch=batch,
            resample=resample,
            resamples=resamples,
            seed=seed,
            store=store,
            cache=cache,
            force=force,
            on=on,
            kind=kind,
            listener=listener,
            steps=shown_steps,
            examples=pairs.extend if format == "html" and not no_pictures else None,
        )
    try:
        show(evaluation_content(found, pairs), format, None)
    finally:
        # The report is safe, also if stdout cannot be written.
        tell(f"report saved as {shown(path)}")
    failed = any(isinstance(cell, FailedEvaluation) for cell in found.cells)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE
