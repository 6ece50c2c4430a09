"""Messages between the parent and an export worker. All paths are absolute."""

import msgspec

from simx.exporter.jobs.plan import NotExported
from simx.exporter.store.manifest import FileRecord, Verified
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import WeightsOrigin


class FromWeights(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Export the network itself, in fp32.

    ``path`` is the weights file and ``sha256`` its expected hash, both None for random weights
    drawn from ``seed``. The state dict goes to ``state_path``, outside of the export's folder.
    """

    path: str | None
    sha256: str | None
    seed: int
    state_path: str


class FromFp32(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Convert the fp32 export in ``folder`` with these ``files``; ``weights`` is its state dict."""

    folder: str
    files: dict[str, FileRecord]
    weights: FileRecord


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Make one export of a backbone in ``folder``, which is empty."""

    backbone: Backbone
    embedding: EmbeddingKind
    precision: Precision
    weights_origin: WeightsOrigin
    source: FromWeights | FromFp32
    threads: int
    folder: str


class ExportDone(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The folder holds a verified export; ``weights`` is the state dict that it was made from."""

    files: dict[str, FileRecord]
    weights: FileRecord
    embedding_dim: int
    verified: Verified
    seconds: float
    peak_bytes: int | None


REQUESTS = msgspec.msgpack.Decoder(ExportRequest)
REPLIES: msgspec.msgpack.Decoder[ExportDone | NotExported] = msgspec.msgpack.Decoder(
    ExportDone | NotExported
)
