"""What the exporting parent and an export worker say to each other."""

from typing import Literal

import msgspec

from simx.exporter.manifest import FileRecord
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.schema import Parity, WeightsOrigin

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


class ExportDone(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The folder holds a verified export."""

    weights: FileRecord
    files: dict[str, FileRecord]
    embedding_dim: int
    parity: Parity
    batches: tuple[int, ...]
    seconds: float
    peak_bytes: int | None


class ExportFailed(msgspec.Struct, frozen=True, tag=True):
    """The export did not come about.

    ``blame`` says whose failure it is: that of a named ``input``; of the ``system``, which would
    not let the next export be written either; or of the ``backbone`` alone.
    """

    stage: str
    reason: str
    blame: Blame


REQUESTS = msgspec.msgpack.Decoder(ExportRequest)
REPLIES = msgspec.msgpack.Decoder(ExportDone | ExportFailed)
