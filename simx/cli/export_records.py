"""What ``simx export`` prints of each backbone: records for programs, columns for people."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from simx.exporter.jobs.plan import NotExported, Outcome
from simx.exporter.store.pruning import Needless
from simx.models.backbone import Precision
from simx.report.listing import Field, ListColumn, Listing
from simx.results.schema.report import WeightsOrigin


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone's export, as ``--format json`` gives it.

    ``status`` is ``exported``, ``present`` (the store had it) or ``failed``; of a failed one only
    ``stage`` and ``reason`` are known, and of one that missed its bound what verification found.
    ``margin`` is the similarity of the bundled positive minus that of the negative, in percentage
    points, and ``fp32_margin`` that of torch's embeddings; with random weights both say nothing
    about the pictures. ``seconds`` is what its export took, then or now; ``bytes`` is the size of
    its files, without the state dict that the store keeps beside them. ``path`` is the file in the
    store, ``output`` the one in the folder of ``--output``.
    """

    model: str
    weights: str
    precision: Precision
    status: Literal["exported", "present", "failed"]
    weights_origin: WeightsOrigin | None = None
    path: str | None = None
    embedding_dim: int | None = None
    parity_cosine: float | None = None
    parity_relative_l2: float | None = None
    margin: float | None = None
    fp32_margin: float | None = None
    seconds: float | None = None
    bytes: int | None = None
    output: str | None = None
    stage: str | None = None
    reason: str | None = None


_COLUMNS = (
    ListColumn(name="model", heading="model", text=True),
    ListColumn(name="weights", heading="weights", text=True),
    ListColumn(name="precision", heading="precision", text=True),
    ListColumn(name="status", heading="status", text=True),
    ListColumn(name="weights_origin", heading="values", text=True),
    ListColumn(name="seconds", heading="time", unit="s", decimals=1),
    ListColumn(name="megabytes", heading="size", unit="MB", decimals=1),
    ListColumn(name="embedding_dim", heading="embedding", unit="dimensions"),
    ListColumn(name="parity_cosine", heading="cosine", unit="with torch", decimals=7),
    ListColumn(name="parity_relative_l2", heading="error", unit="relative L2", text=True),
    ListColumn(name="margin", heading="margin", unit="points"),
    ListColumn(name="fp32_margin", heading="margin", unit="of fp32"),
    ListColumn(name="output", heading="file", text=True),
    ListColumn(name="failure", heading="failure", text=True),
)


def record_of(outcome: Outcome) -> ExportRecord:
    """Return the record of one backbone in one precision."""
    model, weights = outcome.backbone.model, outcome.backbone.weights
    if isinstance(outcome, NotExported):
        found = outcome.verified
        return ExportRecord(
            model=model,
            weights=weights,
            precision=outcome.precision,
            status="failed",
            weights_origin=outcome.weights_origin,
            parity_cosine=found.parity.cosine if found else None,
            parity_relative_l2=_finite(found.parity.relative_l2) if found else None,
            margin=found.margin if found else None,
            fp32_margin=found.reference_margin if found else None,
            stage=outcome.stage,
            reason=outcome.reason,
        )
    manifest = outcome.entry.manifest
    return ExportRecord(
        model=model,
        weights=weights,
        precision=outcome.precision,
        status="exported" if outcome.fresh else "present",
        weights_origin=manifest.identity.weights_origin,
        path=str(outcome.entry.model_path),
        embedding_dim=manifest.embedding_dim,
        parity_cosine=manifest.parity.cosine,
        parity_relative_l2=manifest.parity.relative_l2,
        margin=manifest.margin,
        fp32_margin=manifest.reference_margin,
        seconds=manifest.seconds,
        bytes=outcome.entry.bytes,
        output=None if outcome.output is None else str(outcome.output),
    )


def _finite(value: float) -> float | None:
    """Return a figure, or None where JSON has none for it."""
    return value if math.isfinite(value) else None


def listing_of(records: Sequence[ExportRecord]) -> Listing:
    """Return the columns that have anything to show."""
    rows = [_row(record) for record in records]
    shown = [index for index in range(len(_COLUMNS)) if any(row[index] is not None for row in rows)]
    return Listing(
        columns=tuple(_COLUMNS[index] for index in shown),
        rows=tuple(tuple(row[index] for index in shown) for row in rows),
        keys=3,
    )


def _row(record: ExportRecord) -> tuple[Field, ...]:
    error = record.parity_relative_l2
    return (
        record.model,
        record.weights,
        record.precision,
        record.status,
        record.weights_origin,
        record.seconds,
        None if record.bytes is None else record.bytes / 1e6,
        record.embedding_dim,
        record.parity_cosine,
        None if error is None else f"{error:.0e}",
        record.margin,
        record.fp32_margin,
        None if record.output is None else Path(record.output).name,
        None if record.reason is None else f"{record.stage}: {record.reason}",
    )


_PRUNED_COLUMNS = (
    ListColumn(name="kind", heading="what", text=True),
    ListColumn(name="name", heading="name", text=True),
    ListColumn(name="embedding", heading="embedding", text=True),
    ListColumn(name="status", heading="status", text=True),
    ListColumn(name="megabytes", heading="size", unit="MB", decimals=1),
    ListColumn(name="reason", heading="why", text=True),
)


def pruned_listing_of(found: Sequence[Needless]) -> Listing:
    """Return the columns of what is no longer needed."""
    rows = tuple(
        (
            each.kind,
            Path(each.path).name if each.model is None else f"{each.model}:{each.weights}",
            each.embedding,
            each.status,
            each.bytes / 1e6,
            each.reason,
        )
        for each in found
    )
    return Listing(columns=_PRUNED_COLUMNS, rows=rows, keys=2)
