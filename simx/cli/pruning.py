"""``simx export --prune``: what is no longer needed, listed and removed."""

from pathlib import Path

import msgspec

from simx.cli.output import tell
from simx.exporter.store.pruning import Kind, Pruned, Status, needless, prune
from simx.exporter.store.store import Store
from simx.models.backbone import EmbeddingKind
from simx.models.catalogue import load
from simx.report.listing import ListColumn
from simx.results.schema.report import WeightsOrigin


class PrunedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is no longer needed, as ``--format json`` gives it.

    ``kind`` is ``export``, ``weights`` (a state dict) or ``unfinished`` (work that was left);
    ``status`` is ``removed``, ``removable`` (of a dry run), ``in use`` or ``kept`` (it turned out
    to be needed). What an export is is known where its manifest can be read.
    """

    kind: Kind
    status: Status
    reason: str
    bytes: int
    path: str
    model: str | None = None
    weights: str | None = None
    weights_origin: WeightsOrigin | None = None
    embedding: EmbeddingKind | None = None
    precision: str | None = None


def _name(record: PrunedRecord) -> str:
    """Return the backbone of an export, and of anything else its file's name."""
    if record.model is not None:
        return f"{record.model}:{record.weights}"
    return Path(record.path).name


COLUMNS: tuple[ListColumn[PrunedRecord], ...] = (
    ListColumn(name="kind", heading="what", read=lambda of: of.kind, text=True),
    ListColumn(name="name", heading="name", read=_name, text=True),
    ListColumn(name="embedding", heading="embedding", read=lambda of: of.embedding, text=True),
    ListColumn(name="status", heading="status", read=lambda of: of.status, text=True),
    ListColumn(
        name="megabytes", heading="size", read=lambda of: of.bytes / 1e6, unit="MB", decimals=1
    ),
    ListColumn(name="reason", heading="why", read=lambda of: of.reason, text=True),
)
"""What people see of a record; the first two say what it is."""


def pruned(store: Store, *, only_list: bool) -> list[PrunedRecord]:
    """Remove, or only list, what is no longer needed, and print its size on stderr."""
    catalogue = load()
    if only_list:
        found = [Pruned(each, "removable") for each in needless(store, catalogue)]
    else:
        found = list(prune(store, catalogue))
    going = [each for each in found if each.status in {"removed", "removable"}]
    size = sum(each.what.bytes for each in going) / 1e6
    done = "could be removed" if only_list else "removed"
    tell(f"{len(going)} of {len(found)} {done}, {size:.1f} MB in all")
    return [_record_of(each) for each in found]


def _record_of(found: Pruned) -> PrunedRecord:
    what, identity = found.what, found.what.identity
    return PrunedRecord(
        kind=what.kind,
        status=found.status,
        reason=what.reason,
        bytes=what.bytes,
        path=str(what.path),
        model=identity.model if identity else None,
        weights=identity.weights if identity else None,
        weights_origin=identity.weights_origin if identity else None,
        embedding=identity.embedding if identity else None,
        precision=identity.precision if identity else None,
    )
