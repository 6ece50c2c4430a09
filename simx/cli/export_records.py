"""What ``simx export`` prints of each backbone: records for programs, columns for people."""

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


def columns_of(records: Sequence[ExportRecord]) -> list[ListColumn[ExportRecord]]:
    """Return the columns that have anything to show; the first three say what a record is."""
    return [each for each in _COLUMNS if any(each.read(record) is not None for record in records)]


def _name(found: Needless) -> str:
    """Return the backbone of an export, and of anything else its file's name."""
    return Path(found.path).name if found.model is None else f"{found.model}:{found.weights}"


PRUNED_COLUMNS: tuple[ListColumn[Needless], ...] = (
    ListColumn(name="kind", heading="what", read=lambda of: of.kind, text=True),
    ListColumn(name="name", heading="name", read=_name, text=True),
    ListColumn(name="embedding", heading="embedding", read=lambda of: of.embedding, text=True),
    ListColumn(name="status", heading="status", read=lambda of: of.status, text=True),
    ListColumn(
        name="megabytes", heading="size", read=lambda of: of.bytes / 1e6, unit="MB", decimals=1
    ),
    ListColumn(name="reason", heading="why", read=lambda of: of.reason, text=True),
)
"""What people see of what is no longer needed; the first two columns say what it is."""
