"""The records of exports: the plan, the order to a worker, its outcome, what a caller hears.

Paths in an order are absolute.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from simx.exporter.store.cache_key import converted_key, export_key
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import ExportIdentity, Manifest, Verified
from simx.exporter.weights.cache import Source
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import WeightsOrigin

Blame = Literal["input", "system", "backbone"]


class Calibration(msgspec.Struct, frozen=True):
    """The user's pictures that int8 is calibrated on, and the hash of their hashes."""

    sha256: str
    files: tuple[str, ...]


class ExportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to export.

    ``threads`` is the total for all ``jobs`` that run side by side. ``mirror`` and ``offline`` are
    as for ``Downloads``. Without a ``calibration`` the bundled pictures serve. With ``checked``
    every file of a stored export is read, and a damaged one is discarded and made again. ``newest``
    is as for ``find_export``.
    """

    embedding: EmbeddingKind
    request: WeightsRequest
    precisions: tuple[Precision, ...] = ("fp32",)
    threads: int
    jobs: int = 1
    seed: int = 0
    mirror: str | None = None
    offline: bool = False
    calibration: Calibration | None = None
    checked: bool = False
    newest: bool = False

    def calibration_for(self, precision: Precision) -> Calibration | None:
        """Return the user's pictures for int8, and None for any other precision."""
        return self.calibration if precision == "int8" else None


class Exported(msgspec.Struct, frozen=True):
    """A backbone in the store; ``fresh`` if this run put it there, ``output`` its plain file."""

    backbone: Backbone
    entry: Entry
    fresh: bool
    output: Path | None = None

    @property
    def precision(self) -> Precision:
        """The precision of the stored export."""
        return self.entry.manifest.identity.precision


class NotExported(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An export that failed.

    ``blame`` is the cause: an ``input`` that the user named; the ``system``, on which the next
    export would fail too; or the ``backbone`` alone. ``verified`` has the figures of a file that
    missed its bounds. ``weights_origin`` is None if the weights were not found.
    """

    backbone: Backbone
    precision: Precision
    stage: str
    reason: str
    blame: Blame = "backbone"
    weights_origin: WeightsOrigin | None = None
    verified: Verified | None = None


Outcome = Exported | NotExported


class ExportListener:
    """Ignores all news of exports; override the methods of interest.

    ``downloading`` and ``downloaded`` are called from any thread, all others from the caller's.
    """

    def planned(self, exports: int) -> None:
        """This many outcomes follow."""

    def downloads(self, backbones: Sequence[Backbone]) -> None:
        """The checkpoints of these backbones are to be downloaded."""

    def downloading(self, backbone: Backbone, done: int, total: int | None) -> None:
        """``done`` bytes of a checkpoint are here, of ``total`` if that is known."""

    def downloaded(self, backbone: Backbone) -> None:
        """A checkpoint is here and intact."""

    def started(self, backbone: Backbone, precision: Precision) -> None:
        """An export begins, or begins again after another process failed to make it."""

    def waiting(self, backbones: Sequence[Backbone]) -> None:
        """All other exports are finished, and other processes are exporting these backbones."""

    def finished(self, outcome: Outcome) -> None:
        """An export has an outcome."""

    def notice(self, text: str) -> None:
        """Another message for the user, in one line."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An export that is to be made, and the source that its manifest names.

    It is made from ``weights``, or for another precision from the fp32 export in the folder
    ``full``. int8 is calibrated on the pictures of ``calibration``, without them on the bundled
    ones.
    """

    backbone: Backbone
    identity: ExportIdentity
    key: str
    source: str
    weights: Source | None = None
    full: str | None = None
    calibration: Calibration | None = None


class ExportRequest(msgspec.Struct, frozen=True):
    """Make an export in ``folder``, which is empty; the state dict of weights in ``state_path``."""

    order: Order
    threads: int
    folder: str
    state_path: str


class ExportDone(msgspec.Struct, frozen=True, tag=True):
    """The folder holds the verified export of this manifest."""

    manifest: Manifest


REQUESTS = msgspec.msgpack.Decoder(ExportRequest)
REPLIES: msgspec.msgpack.Decoder[ExportDone | NotExported] = msgspec.msgpack.Decoder(
    ExportDone | NotExported
)


def network_of(backbone: Backbone) -> str | None:
    """Name what is traced: networks of one name differ in their weights alone."""
    return None if backbone.file else f"{backbone.model} {backbone.preset.crop}"


def order_from_weights(backbone: Backbone, embedding: EmbeddingKind, source: Source) -> Order:
    """Return the order of a backbone's fp32 export."""
    return Order(
        backbone=backbone,
        identity=ExportIdentity(
            model=backbone.model,
            weights=backbone.weights,
            embedding=embedding,
            precision="fp32",
            weights_origin=source.origin,
        ),
        key=export_key(backbone, embedding, source.label()),
        source=source.label(),
        weights=source,
    )


def order_from_fp32(
    full: Exported, precision: Precision, calibration: Calibration | None = None
) -> Order:
    """Return the order of another precision of an fp32 export."""
    manifest = full.entry.manifest
    return Order(
        backbone=full.backbone,
        identity=msgspec.structs.replace(manifest.identity, precision=precision),
        key=converted_key(
            manifest.graph_sha256,
            manifest.preset,
            precision,
            None if calibration is None else calibration.sha256,
        ),
        source=manifest.source,
        full=str(full.entry.folder.resolve()),
        calibration=calibration,
    )
