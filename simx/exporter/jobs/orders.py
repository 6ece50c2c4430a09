"""One export that is to be in the store, as a worker gets and answers it. Paths are absolute."""

import msgspec

from simx.exporter.jobs.plan import Calibration, Exported, NotExported
from simx.exporter.store.cache_key import converted_key, export_key
from simx.exporter.store.manifest import ExportIdentity, Manifest
from simx.exporter.weights.locate import Source
from simx.models.backbone import Backbone, EmbeddingKind, Precision


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An export that is to be made, and the source that its manifest names.

    It is made from the fp32 export in the folder ``full``; without one, from the weights file
    ``path`` of this hash; without that, from random weights drawn from ``seed``. ``weights_key``
    names one of several networks in the file. int8 is calibrated on the pictures of
    ``calibration``, without them on the bundled ones.
    """

    backbone: Backbone
    identity: ExportIdentity
    key: str
    source: str
    full: str | None = None
    path: str | None = None
    sha256: str | None = None
    seed: int = 0
    weights_key: str | None = None
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
        path=None if source.path is None else str(source.path.resolve()),
        sha256=source.sha256,
        seed=source.seed,
        weights_key=source.key,
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
