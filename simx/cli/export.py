"""``simx export``: export backbones to ONNX, or prune the store."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.output import show, tell, tell_once, tell_variables
from simx.cli.parameters import Utf8Path, on_option
from simx.common.errors import ExitCode, InputError
from simx.common.input_files import refuse_url
from simx.common.output_files import STDOUT, require_unread
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import EmbeddingKind, Precision
from simx.models.ranges import Range
from simx.report.content import Form
from simx.report.listing import listing_content
from simx.runner.bench.threads import default_threads


def _named(_context: object, _option: object, output: str | None) -> Path | None:
    if output == "":
        raise InputError("--output is empty; name a folder")
    if output == "-":
        raise InputError("--output -: models are not written to stdout; name a folder")
    return None if output is None else Path(output)


_HELP = """
Export the backbones that SELECT names to ONNX, without their classifiers.

SELECT is a name or a glob, with :weights for other weights than the default. Every export is
run in ONNX Runtime and compared with PyTorch before it is kept. fp16 and int8 are made from
the fp32 export, which is made first if it is missing.
"""


@click.command("export", help=_HELP)
@options.selection_options
@options.export_options
@options.threads_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of exports at the same time. Default: one per core, limited by the memory.",
)
@click.option(
    "--prune",
    is_flag=True,
    help="Remove what is not needed from the store: replaced and damaged exports, weights without "
    "an export, and unfinished work.",
)
@on_option
@click.option("--dry-run", is_flag=True, help="With --prune: list the files, but remove nothing.")
@options.store_option
@options.format_option
@click.option(
    "-o",
    "--output",
    type=Utf8Path(file_okay=False),
    metavar="DIR",
    callback=_named,
    help="Also write the models to this folder, as NAME.onnx files with a manifest.",
)
@click.option(
    "--external-data",
    is_flag=True,
    help="With --output: write the weights of every model, not only of those above 2 GB, to a "
    "separate file NAME.onnx.data.",
)
def command(
    select: tuple[str, ...],
    all: bool,
    gflops: tuple[Range, ...],
    family: tuple[str, ...],
    embedding: EmbeddingKind,
    precision: tuple[Precision, ...],
    calibrate: Path | None,
    weights: WeightsRequest,
    weights_key: str | None,
    weights_mirror: str | None,
    offline: bool,
    threads: int | None,
    jobs: int | None,
    prune: bool,
    on: str | None,
    dry_run: bool,
    store: str,
    format: Form,
    output: Path | None,
    external_data: bool,
) -> ExitCode:
    """Run ``simx export``."""
    is_selective = bool(select or all or gflops or family)
    if dry_run and not prune:
        raise InputError("--dry-run works only with --prune")
    if external_data and output is None:
        raise InputError("--external-data works only with --output; name a folder")
    if prune:
        if output is not None:
            raise InputError("--prune exports nothing; omit --output")
        if on is not None:
            raise InputError("--prune exports nothing; omit --on")
        if is_selective:
            raise InputError("--prune works on the whole store; omit the selection")
        return _prune(store, format, only_list=dry_run)
    if not is_selective:
        raise InputError("export: name backbones, or use --all, --gflops or --family")
    if on is not None and jobs is not None:
        raise InputError("--jobs: with --on, the memory of the nodes decides; omit one of the two")
    backbones = options.selected(select, everything=all, gflops=gflops, families=family)
    require_unread(STDOUT, filter(None, [weights.path]))
    # What exporting needs would slow down --help.
    from simx.cli.showing.export_records import columns_of, record_of  # noqa: PLC0415
    from simx.cli.showing.progress import shown_exports  # noqa: PLC0415
    from simx.cluster.exporting import exporting  # noqa: PLC0415
    from simx.exporter.jobs.calibration import calibration_of  # noqa: PLC0415
    from simx.exporter.jobs.ensure import export_into  # noqa: PLC0415
    from simx.exporter.jobs.memory import default_jobs  # noqa: PLC0415
    from simx.exporter.jobs.plan import ExportPlan  # noqa: PLC0415
    from simx.exporter.store.remote import opened_store  # noqa: PLC0415
    from simx.models.catalogue import licence_notes  # noqa: PLC0415

    tell_variables()
    # On a cluster, each export has its own: as many fit side by side as the memory allows.
    cores = threads or (default_threads() if on is None else 1)
    plan = ExportPlan(
        embedding=embedding,
        request=weights.with_key(weights_key),
        precisions=precision,
        threads=cores,
        jobs=jobs or default_jobs(cores),
        mirror=weights_mirror,
        offline=offline,
        calibration=calibration_of(calibrate, precision),
    )
    exports = opened_store(store, tell_once())
    with exporting(on) as export, shown_exports() as shown:
        if output is None:
            outcomes = export(backbones, exports, plan, shown)
        else:
            outcomes = export_into(
                output,
                backbones,
                exports,
                plan,
                shown,
                data_beside=external_data,
                exporting=export,
            )
    records = [record_of(outcome) for outcome in outcomes]
    pretrained = (each for each in records if each.weights_origin == "pretrained")
    notes = licence_notes((each.model, each.weights) for each in pretrained)
    show(listing_content(records, columns_of(records), keys=3, notes=notes), format, None)
    failed = any(record.status == "failed" for record in records)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE


def _prune(store: str, format: Form, *, only_list: bool) -> ExitCode:
    refuse_url(store, "--prune: store ", "name a folder")
    # What pruning needs would slow down --help.
    from simx.cli.showing.export_records import PRUNED_COLUMNS  # noqa: PLC0415
    from simx.exporter.store.pruning import needless, prune  # noqa: PLC0415
    from simx.exporter.store.store import Store  # noqa: PLC0415
    from simx.models.catalogue import load  # noqa: PLC0415

    act = needless if only_list else prune
    found = list(act(Store(Path(store)), load()))
    going = [each for each in found if each.status in {"removed", "removable"}]
    size = sum(each.bytes for each in going) / 1e6
    done = "could be removed" if only_list else "removed"
    tell(f"{len(going)} of {len(found)} {done}, {size:.1f} MB in all")
    show(listing_content(found, PRUNED_COLUMNS, keys=2), format, None)
    return ExitCode.DONE
