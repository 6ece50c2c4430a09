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
    ListColumn("model", lambda of: of.model, text=True),
    ListColumn("weights", lambda of: of.weights, text=True),
    ListColumn("precision", lambda of: of.precision, text=True),
    ListColumn("status", lambda of: of.status, text=True),
    ListColumn("weights_origin", lambda of: of.weights_origin, "values", text=True),
    ListColumn("seconds", lambda of: of.seconds, "time", "s", decimals=1),
    ListColumn("megabytes", lambda of: of.bytes and of.bytes / 1e6, "size", "MB", decimals=1),
    ListColumn("embedding_dim", lambda of: of.embedding_dim, "embedding", "dimensions"),
    ListColumn("parity_cosine", lambda of: of.parity_cosine, "cosine", "with torch", decimals=7),
    ListColumn(
        "parity_relative_l2",
        lambda of: None if of.parity_relative_l2 is None else f"{of.parity_relative_l2:.0e}",
        "error",
        "relative L2",
        text=True,
    ),
    ListColumn("margin", lambda of: of.margin, unit="points"),
    ListColumn("fp32_margin", lambda of: of.fp32_margin, "margin", "of fp32"),
    ListColumn("output", lambda of: of.output and Path(of.output).name, "file", text=True),
    ListColumn("failure", lambda of: of.reason and f"{of.stage}: {of.reason}", text=True),
)


def record_of(outcome: Outcome) -> ExportRecord:
    """Return the record of one backbone in one precision."""
    record = ExportRecord(
        model=outcome.backbone.model,
        weights=outcome.backbone.weights,
        precision=outcome.precision,
        status="failed",
    )
    found = outcome.verified if isinstance(outcome, NotExported) else outcome.entry.manifest
    if found:
        error = found.parity.relative_l2
        record = msgspec.structs.replace(
            record,
            parity_cosine=found.parity.cosine,
            parity_relative_l2=error if math.isfinite(error) else None,
            margin=found.margin,
            fp32_margin=found.reference_margin,
        )
    if isinstance(outcome, NotExported):
        return msgspec.structs.replace(
            record,
            weights_origin=outcome.weights_origin,
            stage=outcome.stage,
            reason=outcome.reason,
        )
    manifest = outcome.entry.manifest
    return msgspec.structs.replace(
        record,
        status="exported" if outcome.fresh else "present",
        weights_origin=manifest.identity.weights_origin,
        path=str(outcome.entry.model_path),
        embedding_dim=manifest.embedding_dim,
        seconds=manifest.seconds,
        bytes=outcome.entry.bytes,
        output=None if outcome.output is None else str(outcome.output),
    )


def columns_of(records: Sequence[ExportRecord]) -> list[ListColumn[ExportRecord]]:
    """Return the columns with a value; the first three identify a record."""
    return [each for each in _COLUMNS if any(each.read(record) is not None for record in records)]


PRUNED_COLUMNS: tuple[ListColumn[Needless], ...] = (
    ListColumn("kind", lambda of: of.kind, "what", text=True),
    ListColumn(
        "name", lambda of: f"{of.model}:{of.weights}" if of.model else Path(of.path).name, text=True
    ),
    ListColumn("embedding", lambda of: of.embedding, text=True),
    ListColumn("status", lambda of: of.status, text=True),
    ListColumn("megabytes", lambda of: of.bytes / 1e6, "size", "MB", decimals=1),
    ListColumn("reason", lambda of: of.reason, "why", text=True),
)
"""The first two columns identify a file."""
