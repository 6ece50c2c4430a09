"""What ``simx export`` prints: records for programs, columns for people."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from simx.exporter.jobs.plan import NotExported, Outcome
from simx.exporter.store.pruning import Needless
from simx.models.backbone import Precision
from simx.report.listing import ListColumn
from simx.results.schema.report import WeightsOrigin


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One export of ``--format json``.

    ``status`` is ``exported``, ``present`` (in the store before) or ``failed``. A failed export has
    ``stage`` and ``reason``, and the figures of its verification if it missed the bound. ``margin``
    is the similarity of the bundled positive minus that of the negative, in percentage points, and
    ``fp32_margin`` the margin of torch's embeddings; with random weights both have no meaning.
    ``seconds`` is the time of the export, ``bytes`` the size of its files without the state dict.
    ``path`` is the file in the store, ``output`` the file in the folder of ``--output``.
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


_COLUMNS: tuple[ListColumn[ExportRecord], ...] = (
    ListColumn(name="model", heading="model", read=lambda of: of.model, text=True),
    ListColumn(name="weights", heading="weights", read=lambda of: of.weights, text=True),
    ListColumn(name="precision", heading="precision", read=lambda of: of.precision, text=True),
    ListColumn(name="status", heading="status", read=lambda of: of.status, text=True),
    ListColumn(
        name="weights_origin", heading="values", read=lambda of: of.weights_origin, text=True
    ),
    ListColumn(name="seconds", heading="time", read=lambda of: of.seconds, unit="s", decimals=1),
    ListColumn(
        name="megabytes",
        heading="size",
        read=lambda of: None if of.bytes is None else of.bytes / 1e6,
        unit="MB",
        decimals=1,
    ),
    ListColumn(
        name="embedding_dim",
        heading="embedding",
        read=lambda of: of.embedding_dim,
        unit="dimensions",
    ),
    ListColumn(
        name="parity_cosine",
        heading="cosine",
        read=lambda of: of.parity_cosine,
        unit="with torch",
        decimals=7,
    ),
    ListColumn(
        name="parity_relative_l2",
        heading="error",
        read=lambda of: None if of.parity_relative_l2 is None else f"{of.parity_relative_l2:.0e}",
        unit="relative L2",
        text=True,
    ),
    ListColumn(name="margin", heading="margin", read=lambda of: of.margin, unit="points"),
    ListColumn(
        name="fp32_margin", heading="margin", read=lambda of: of.fp32_margin, unit="of fp32"
    ),
    ListColumn(
        name="output",
        heading="file",
        read=lambda of: None if of.output is None else Path(of.output).name,
        text=True,
    ),
    ListColumn(
        name="failure",
        heading="failure",
        read=lambda of: None if of.reason is None else f"{of.stage}: {of.reason}",
        text=True,
    ),
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
            # JSON has no infinity.
            parity_relative_l2=found.parity.relative_l2
            if found and math.isfinite(found.parity.relative_l2)
            else None,
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


def columns_of(records: Sequence[ExportRecord]) -> list[ListColumn[ExportRecord]]:
    """Return the columns with a value; the first three identify a record."""
    return [each for each in _COLUMNS if any(each.read(record) is not None for record in records)]


PRUNED_COLUMNS: tuple[ListColumn[Needless], ...] = (
    ListColumn(name="kind", heading="what", read=lambda of: of.kind, text=True),
    ListColumn(
        name="name",
        heading="name",
        read=lambda of: f"{of.model}:{of.weights}" if of.model else Path(of.path).name,
        text=True,
    ),
    ListColumn(name="embedding", heading="embedding", read=lambda of: of.embedding, text=True),
    ListColumn(name="status", heading="status", read=lambda of: of.status, text=True),
    ListColumn(
        name="megabytes", heading="size", read=lambda of: of.bytes / 1e6, unit="MB", decimals=1
    ),
    ListColumn(name="reason", heading="why", read=lambda of: of.reason, text=True),
)
"""The first two columns identify a file."""
