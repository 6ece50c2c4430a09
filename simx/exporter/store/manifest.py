"""The manifest beside each model in the store."""

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from simx.common.bounded import Amount, Count, Moment, Positive, Text
from simx.common.input_files import InputKind, InputPath, read_whole
from simx.common.safe_text import clean
from simx.common.strict_json import UNREADABLE, JsonDefectError, decode
from simx.exporter.weights.file_reading import FileReading
from simx.models.backbone import EmbeddingKind, Precision, Preset
from simx.results.schema.report import Parity, WeightsOrigin

MANIFEST_NAME: Final = "simx-export"
MANIFEST_VERSION = 4
"""2: how it was made (``recipe``), and the hash of the manifest itself. 3: margins, and what
another precision was made from. 4: how a weights file was read, the licence of weights, and how
int8 was made."""

_VERSIONS_READ = {3, MANIFEST_VERSION}

MODEL_FILE = "model.onnx"
DATA_FILE = f"{MODEL_FILE}.data"
VERIFICATION_FILE = "verification.safetensors"
MANIFEST_FILE = "manifest.json"

SINGLE_FILE_LIMIT = 1_900_000_000
"""Bytes of weights up to which one file holds all: protobuf ends at 2 GiB, graph included."""

INPUT_NAME = "image"
OUTPUT_NAME = "embedding"
BATCH_NAME = "batch"
"""The exported graph's interface: float32 [batch, 3, crop, crop] -> float32 [batch, D]."""

MANIFEST = InputKind(
    label="manifest ", mend="remove its folder, or export the backbone again", most_bytes=2**20
)

Margin = Annotated[float, msgspec.Meta(ge=-200, le=200)]
"""Percentage points between two similarities."""

Sha256 = Annotated[
    str,
    msgspec.Meta(
        pattern="^[0-9a-f]{64}$", max_length=64, description="a SHA-256 in hexadecimal digits"
    ),
]


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file's SHA-256 in hexadecimal and its size in bytes."""

    sha256: Sha256
    bytes: Count


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The worst parity over all pictures and batches; its fields are those of a ``Manifest``."""

    parity: Parity
    verified_batches: tuple[Positive, ...]
    margin: Margin | None
    reference_margin: Margin | None


class ExportIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The properties by which a user tells exports apart."""

    model: Text
    weights: Text
    embedding: EmbeddingKind
    precision: Precision
    weights_origin: WeightsOrigin


class Quantised(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an int8 export was made.

    ``pictures`` is the number of pictures of calibration, and ``calibration_sha256`` the hash of
    their files' hashes, None for the bundled ones. The errors are the mean relative L2 errors of
    the embeddings of the pictures that did not give the ranges: ``error`` that of the export,
    ``error_without_choice`` that with none but ``beginning`` in float: the nodes before the first
    long sums. ``in_float`` are other nodes that are not quantised, each with the error when it
    alone is quantised.
    """

    calibration_sha256: Sha256 | None = None
    pictures: Count = 0
    error: Amount
    error_without_choice: Amount
    beginning: tuple[Text, ...] | UnsetType = UNSET
    in_float: dict[Text, Amount] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One export.

    ``files`` are relative to the manifest; ``weights`` is the state dict in the store's ``weights``
    folder, for the torch backend. ``source`` names the weights' origin exactly (a seed, a
    checkpoint, the hash of a file and the network in it). ``license`` is that of pretrained
    weights, where the catalogue knows it. ``file_reading`` says how a file was read
    that was not simply this backbone's state dict. ``made_from`` is the hash of the fp32 graph that
    another precision was made from, None for fp32; ``quantised`` says how int8 was made. ``margin``
    is the similarity of the bundled positive minus that of the negative, in percentage points, and
    ``reference_margin`` that of torch's embeddings; None where not all pictures were run.
    ``recipe`` is that of ``cache_key``, ``seconds`` the duration of the export, and ``peak_bytes``
    the peak memory of its worker. Fields that were added later are unset in older manifests, which
    so keep their hash.
    """

    name: Literal["simx-export"] = MANIFEST_NAME
    version: Count = MANIFEST_VERSION
    identity: ExportIdentity
    source: Text
    license: Text | UnsetType = UNSET
    file_reading: FileReading | UnsetType = UNSET
    made_from: Sha256 | None = None
    quantised: Quantised | UnsetType = UNSET
    preset: Preset
    embedding_dim: Positive
    parity: Parity
    verified_batches: tuple[Positive, ...]
    margin: Margin | None = None
    reference_margin: Margin | None = None
    weights: FileRecord
    files: dict[Text, FileRecord]
    recipe: Count
    versions: dict[Text, Text]
    created: Moment
    seconds: Amount
    peak_bytes: Count | None = None

    @property
    def calibration_sha256(self) -> str | None:
        """The hash of the user's pictures of calibration; None without them."""
        return self.quantised.calibration_sha256 if self.quantised else None

    @property
    def graph_files(self) -> dict[str, FileRecord]:
        """The ONNX file, and its weights' file where it has one."""
        return {name: found for name, found in self.files.items() if name.startswith(MODEL_FILE)}

    @property
    def graph_sha256(self) -> str:
        """The hash of the graph's only file, or of the hashes of its files."""
        parts = [record.sha256 for _, record in sorted(self.graph_files.items())]
        if len(parts) == 1:
            return parts[0]
        return hashlib.sha256("".join(parts).encode()).hexdigest()


class _Sealed(Manifest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A manifest as it is written, with the hash of its compact form."""

    sha256: Sha256


class _Head(msgspec.Struct, frozen=True):
    """The part that manifests of all versions have."""

    name: str
    version: int


def sealed(manifest: Manifest) -> bytes:
    """Return the only form in which a manifest is written, with its own hash."""
    compact = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest))
    fields = msgspec.json.decode(compact, type=dict[str, msgspec.Raw])
    seal = msgspec.Raw(f'"{hashlib.sha256(compact).hexdigest()}"'.encode())
    return msgspec.json.format(msgspec.json.encode(fields | {"sha256": seal}))


def version_of(data: bytes) -> int | None:
    """Return the format version of a manifest; None if it is not simx's."""
    try:
        head = msgspec.json.decode(data, type=_Head)
    except UNREADABLE:
        return None
    return head.version if head.name == MANIFEST_NAME else None


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of an export.

    Raises:
        InputError: it cannot be read, is no manifest of this version of simx, or has changed.
    """
    return manifest_of(read_whole(path, MANIFEST), path)


def manifest_of(data: bytes, path: InputPath) -> Manifest:
    """Return the manifest that a file of this path holds; raise ``InputError`` likewise."""
    if version_of(data) not in {None, *_VERSIONS_READ}:
        raise MANIFEST.refused(path, "is of another version of simx")
    try:
        found = decode(data, _Sealed)
    except JsonDefectError as error:
        raise MANIFEST.refused(path, clean(f"is no manifest of simx ({error})")) from error
    manifest = Manifest(**{name: getattr(found, name) for name in Manifest.__struct_fields__})
    if data != sealed(manifest):
        raise MANIFEST.refused(path, "is not as simx wrote it")
    return manifest
