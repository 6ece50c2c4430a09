"""The manifest beside each model in the store."""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec

from simx.common.input_files import InputKind, read_whole
from simx.common.safe_text import clean
from simx.common.strict_json import UNREADABLE, JsonDefectError, decode
from simx.models.backbone import EmbeddingKind, Precision, Preset
from simx.results.files.bounds import excesses
from simx.results.schema.report import Parity, WeightsOrigin

MANIFEST_NAME = "simx-export"
MANIFEST_VERSION = 3
"""2: how it was made (``recipe``), and the hash of the manifest itself. 3: margins, and what
another precision was made from."""

MODEL_FILE = "model.onnx"
DATA_FILE = f"{MODEL_FILE}.data"
VERIFICATION_FILE = "verification.safetensors"
MANIFEST_FILE = "manifest.json"

SINGLE_FILE_LIMIT = 1_900_000_000
"""Bytes of weights up to which one file holds all: protobuf ends at 2 GiB, graph included."""

INPUT_NAME = "image"
OUTPUT_NAME = "embedding"
"""The exported graph's interface: float32 [batch, 3, crop, crop] -> float32 [batch, D]."""

MANIFEST = InputKind(
    label="manifest ",
    mend="remove its folder, or export the backbone again",
    most_bytes=2**20,
)

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file must be: its SHA-256 in hexadecimal and its size in bytes."""

    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What verification found of an exported file.

    ``parity`` is the worst over all pictures and ``batches``, the batch sizes that were run. The
    margins are those of the file's and of torch's embeddings, as in ``Manifest``.
    """

    parity: Parity
    batches: tuple[int, ...]
    margin: float | None
    reference_margin: float | None


class ExportIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes two exports the same thing to a user."""

    model: str
    weights: str
    embedding: EmbeddingKind
    precision: Precision
    weights_origin: WeightsOrigin


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One export.

    ``files`` are relative to the manifest; ``weights`` describes the state dict in the store's
    ``weights`` folder, which the torch backend loads. ``source`` names the weights' origin exactly
    (a seed, a checkpoint, the hash of a file). ``made_from`` is the hash of the fp32 graph that
    another precision was made from, None for fp32 itself. ``margin`` is the similarity of the
    bundled positive minus that of the negative, in percentage points, and ``reference_margin`` that
    of torch's embeddings; None where not all of them were run. ``recipe`` counts the ways in which
    simx has made files out of networks. ``seconds`` is what the export took, and ``peak_bytes`` the
    memory its worker had at its peak.
    """

    name: str = MANIFEST_NAME
    version: int = MANIFEST_VERSION
    identity: ExportIdentity
    source: str
    made_from: Sha256 | None = None
    preset: Preset
    embedding_dim: Annotated[int, msgspec.Meta(ge=1)]
    parity: Parity
    verified_batches: tuple[int, ...]
    margin: float | None = None
    reference_margin: float | None = None
    weights: FileRecord
    files: dict[str, FileRecord]
    recipe: Annotated[int, msgspec.Meta(ge=0)]
    versions: dict[str, str]
    created: str
    seconds: float
    peak_bytes: int | None = None

    @property
    def graph_files(self) -> dict[str, FileRecord]:
        """The files of the graph that is executed: its own, and where it has one, its weights'."""
        return {name: record for name, record in self.files.items() if _is_graph(name)}

    @property
    def graph_sha256(self) -> str:
        """The hash of the graph that is executed: of its one file, or of its files' hashes."""
        parts = [record.sha256 for _, record in sorted(self.graph_files.items())]
        if len(parts) == 1:
            return parts[0]
        return hashlib.sha256("".join(parts).encode()).hexdigest()


def _is_graph(name: str) -> bool:
    return name.startswith(MODEL_FILE)


class _Sealed(Manifest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A manifest as it is written, with the hash of its compact form."""

    sha256: Sha256


class _Head(msgspec.Struct, frozen=True):
    """What manifests of all versions have."""

    name: str
    version: int


def sealed(manifest: Manifest) -> bytes:
    """Return the one form in which a manifest is written, its own hash in it."""
    compact = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest))
    fields = msgspec.json.decode(compact, type=dict[str, msgspec.Raw])
    seal = msgspec.Raw(f'"{hashlib.sha256(compact).hexdigest()}"'.encode())
    return msgspec.json.format(msgspec.json.encode(fields | {"sha256": seal}))


def version_of(data: bytes) -> int | None:
    """Return which version of the format a manifest has; None where it is none of simx."""
    try:
        head = msgspec.json.decode(data, type=_Head)
    except UNREADABLE:
        return None
    return head.version if head.name == MANIFEST_NAME else None


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of an export.

    Raises:
        InputError: it cannot be read, is no manifest of this version of simx, or has changed since
            it was written.
    """
    data = read_whole(path, MANIFEST)
    if version_of(data) not in {None, MANIFEST_VERSION}:
        raise MANIFEST.refused(path, "is of another version of simx")
    try:
        found = decode(data, _Sealed)
    except JsonDefectError as error:
        raise MANIFEST.refused(path, clean(f"is no manifest of simx ({error})")) from error
    names = Manifest.__struct_fields__
    manifest = Manifest(**{name: getattr(found, name) for name in names})
    if manifest.name != MANIFEST_NAME or data != sealed(manifest):
        raise MANIFEST.refused(path, "is not as simx wrote it")
    if excess := next(excesses(manifest), None):
        raise MANIFEST.refused(path, clean(f"is no sound manifest: {excess}"))
    return manifest
