"""``simx export``: backbones to ONNX in the store, each one verified before it counts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click
import msgspec

from simx.cli import options
from simx.cli.exporting import export_with_progress
from simx.cli.listings import show
from simx.cli.output import output_option
from simx.errors import ExitCode, InputError
from simx.exporter.export import ExportPlan, NotExported, Outcome
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import EmbeddingKind
from simx.models.ranges import Range
from simx.report.listing import Field, ListColumn, Listing
from simx.results.schema import WeightsOrigin
from simx.runner.threads import default_threads


@click.command("export")
@options.select_argument
@options.all_option
@options.gflops_option
@options.family_option
@options.embedding_option
@options.weights_option
@options.mirror_option
@options.threads_option
@options.store_option
@options.format_option
@output_option
def command(
    select: tuple[str, ...],
    all: bool,
    gflops: tuple[Range, ...],
    family: tuple[str, ...],
    embedding: EmbeddingKind,
    weights: WeightsRequest,
    weights_mirror: str | None,
    threads: int | None,
    store: Path,
    format: str,
    output: Path | None,
) -> ExitCode:
    """Export the backbones that SELECT names (a name or a glob, :weights), heads removed.

    Every export is run in ONNX Runtime and compared with PyTorch before it is kept.
    """
    if not (select or all or gflops or family):
        raise InputError("export: name backbones, or say --all, --gflops or --family")
    backbones = options.selected(select, everything=all, gflops=gflops, families=family)
    plan = ExportPlan(
        embedding=embedding,
        request=weights,
        threads=threads or default_threads(),
        mirror=weights_mirror,
    )
    outcomes = export_with_progress(backbones, store, plan)
    records = [_record(outcome) for outcome in outcomes]
    show(records, _listing(records), format, output)
    failed = any(record.status == "failed" for record in records)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone's export, as ``--format json`` gives it.

    ``status`` is ``exported``, ``present`` (the store had it) or ``failed``; of a failed one only
    ``stage`` and ``reason`` are known. ``seconds`` is what its export took, then or now; ``bytes``
    is the size of its files, without the state dict that the store keeps beside them.
    """

    model: str
    weights: str
    status: Literal["exported", "present", "failed"]
    weights_origin: WeightsOrigin | None = None
    path: str | None = None
    embedding_dim: int | None = None
    parity_cosine: float | None = None
    parity_relative_l2: float | None = None
    seconds: float | None = None
    bytes: int | None = None
    stage: str | None = None
    reason: str | None = None


_COLUMNS = (
    ListColumn(name="model", heading="model", text=True),
    ListColumn(name="weights", heading="weights", text=True),
    ListColumn(name="status", heading="status", text=True),
    ListColumn(name="weights_origin", heading="values", text=True),
    ListColumn(name="seconds", heading="time", unit="s", decimals=1),
    ListColumn(name="megabytes", heading="size", unit="MB", decimals=1),
    ListColumn(name="embedding_dim", heading="embedding", unit="dimensions"),
    ListColumn(name="parity_cosine", heading="cosine", unit="with torch", decimals=7),
    ListColumn(name="parity_relative_l2", heading="error", unit="relative L2", text=True),
    ListColumn(name="failure", heading="failure", text=True),
)


def _record(outcome: Outcome) -> ExportRecord:
    model, weights = outcome.backbone.model, outcome.backbone.weights
    if isinstance(outcome, NotExported):
        return ExportRecord(
            model=model,
            weights=weights,
            status="failed",
            stage=outcome.stage,
            reason=outcome.reason,
        )
    manifest = outcome.entry.manifest
    return ExportRecord(
        model=model,
        weights=weights,
        status="exported" if outcome.fresh else "present",
        weights_origin=manifest.identity.weights_origin,
        path=str(outcome.entry.model_path),
        embedding_dim=manifest.embedding_dim,
        parity_cosine=manifest.parity.cosine,
        parity_relative_l2=manifest.parity.relative_l2,
        seconds=manifest.seconds,
        bytes=sum(record.bytes for record in manifest.files.values()),
    )


def _listing(records: Sequence[ExportRecord]) -> Listing:
    """Return the columns that have anything to show."""
    rows = [_row(record) for record in records]
    shown = [index for index in range(len(_COLUMNS)) if any(row[index] is not None for row in rows)]
    return Listing(
        columns=tuple(_COLUMNS[index] for index in shown),
        rows=tuple(tuple(row[index] for index in shown) for row in rows),
        keys=2,
    )


def _row(record: ExportRecord) -> tuple[Field, ...]:
    error = record.parity_relative_l2
    return (
        record.model,
        record.weights,
        record.status,
        record.weights_origin,
        record.seconds,
        None if record.bytes is None else record.bytes / 1e6,
        record.embedding_dim,
        record.parity_cosine,
        None if error is None else f"{error:.0e}",
        None if record.reason is None else f"{record.stage}: {record.reason}",
    )
