"""``simx explain``: where the time goes, on two targets side by side."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.configuration import complete_backbone, with_path
from simx.cli.output import emit, force_option, output_option, require_output, show
from simx.cli.parameters import choice_option
from simx.common.errors import ExitCode, InputError
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.report.content import Form

_HELP = """
Say where the time of BACKBONE goes, on two targets side by side.

Both targets are measured in the same rounds, and then profiled. The answer begins with what makes
the gap, and has the times by kind of kernel and by part of the network, as torchvision names it.
The targets are torch and ort by default; otherwise name two with --backend, or one and two of
--precision or --provider.
"""


@click.command("explain", help=_HELP)
@click.argument("backbone", shell_complete=complete_backbone)
@options.backend_option
@options.provider_option
@options.precision_option
@options.weights_option
@options.offline_option
@options.threads_option
@click.option(
    "--by-setting",
    is_flag=True,
    help="Also measure what each single change of the settings of both is worth; takes minutes.",
)
@options.seed_option
@options.store_option
@choice_option("--format", ("table", "markdown", "json", "html"), "Output format.")
@click.option(
    "--chrome-trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a typical call of both as a trace for Perfetto to this file.",
)
@output_option
@force_option
def command(
    backbone: str,
    backend: tuple[str, ...],
    provider: tuple[str, ...],
    precision: tuple[Precision, ...],
    weights: WeightsRequest,
    offline: bool,
    threads: int | None,
    by_setting: bool,
    seed: int,
    store: str,
    format: Form,
    chrome_trace: Path | None,
    output: Path | None,
    force: bool,
) -> ExitCode:
    """Run ``simx explain``."""
    # What measuring needs (numpy, the runner) would slow down --help.
    from simx.api import explain  # noqa: PLC0415
    from simx.cli.showing.progress import shown_exports, shown_launches  # noqa: PLC0415
    from simx.report.contents import explanation_content  # noqa: PLC0415
    from simx.report.formats.trace import chrome_trace as as_trace  # noqa: PLC0415

    reads: list[str | Path] = [store, *filter(None, [weights.path])]
    require_output(output, format, reads, force=force)
    if chrome_trace:
        if chrome_trace == output:
            raise InputError(f"--chrome-trace {chrome_trace}: -o names it, too; name another file")
        require_output(chrome_trace, "json", reads, force=force)
    with shown_exports() as listener:
        found = explain(
            backbone,
            backends=[with_path(name) for name in backend],
            providers=provider,
            precisions=precision,
            weights=weights,
            offline=offline,
            threads=threads,
            by_setting=by_setting,
            seed=seed,
            store=store,
            listener=listener,
            measuring=shown_launches,
        )
    if chrome_trace:
        emit(as_trace(found), chrome_trace, "json")
    show(explanation_content(found), format, output)
    return ExitCode.DONE
