"""What the exporting parent and an export worker say to each other."""

from typing import Literal

import msgspec

from simx.exporter.store.manifest import FileRecord
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import Parity, WeightsOrigin

Blame = Literal["input", "system", "backbone"]


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Export one backbone into a folder of its own. Paths are absolute.

    ``source_path`` is the weights file and ``source_sha256`` what it has to have, both None for
    random weights drawn from ``seed``.
    ``weights_path`` is where the state dict goes, outside of ``folder``.
    """

    backbone: Backbone
    embedding: EmbeddingKind
    origin: WeightsOrigin
    source_path: str | None
    source_sha256: str | None
    seed: int
    threads: int
    folder: str
    weights_path: str


class ReduceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Make another precision of an fp32 export, in a folder of its own. Paths are absolute.

    ``source`` is the folder of that export, and ``files`` are what it has to hold.
    """

    backbone: Backbone
    embedding: EmbeddingKind
    precision: Precision
    source: str
    files: dict[str, FileRecord]
    threads: int
    folder: str


class ReduceDone(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The folder holds a verified export."""

    files: dict[str, FileRecord]
    embedding_dim: int
    parity: Parity
    batches: tuple[int, ...]
    margin: float | None
    reference_margin: float | None
    seconds: float
    peak_bytes: int | None


class ExportDone(ReduceDone, frozen=True, kw_only=True, tag=True):
    """The same, and where it was told to the weights are."""

    weights: FileRecord


class ExportFailed(msgspec.Struct, frozen=True, tag=True):
    """The export did not come about.

    ``blame`` says whose failure it is: that of a named ``input``; of the ``system``, which would
    not let the next export be written either; or of the ``backbone`` alone. ``parity`` and the
    margins are what verification found, where it came so far.
    """

    stage: str
    reason: str
    blame: Blame
    parity: Parity | None = None
    margin: float | None = None
    reference_margin: float | None = None


REQUESTS = msgspec.msgpack.Decoder(ExportRequest)
REDUCE_REQUESTS = msgspec.msgpack.Decoder(ReduceRequest)
REPLIES = msgspec.msgpack.Decoder(ExportDone | ExportFailed)
REDUCE_REPLIES = msgspec.msgpack.Decoder(ReduceDone | ExportFailed)
