"""The manifest beside plain models in a folder of the user's: which ones, and how to use them.

Written for users who run the models without simx, and read to know which files are simx's own.
"""

from pathlib import Path
from typing import Literal

import msgspec

from simx.common.input_files import InputKind, read_whole
from simx.common.safe_text import clean
from simx.common.strict_json import JsonDefectError, decode
from simx.exporter.store.manifest import FileRecord
from simx.models.backbone import EmbeddingKind, Precision, Preset
from simx.results.schema.report import Parity, WeightsOrigin

OUTPUT_MANIFEST_FILE = "manifest.json"
OUTPUT_MANIFEST_NAME = "simx-models"
OUTPUT_MANIFEST_VERSION = 1

OUTPUT_MANIFEST = InputKind(
    label="manifest ",
    mend="name another folder with --output, or move the file away",
    most_bytes=2**24,
)


class TensorInterface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input or output of a graph; a dimension with a name is free."""

    name: str
    dtype: Literal["float32"] = "float32"
    shape: tuple[str | int, ...]


class Preprocessing(Preset, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From a picture to the input: a preset, and what else has to be known.

    The short side is resized to ``resize`` with antialiasing, as Pillow does it, the centre is
    cropped, values are divided by 255, ``mean`` is subtracted and the rest divided by ``std``.
    """

    color: Literal["RGB"] = "RGB"
    layout: Literal["NCHW"] = "NCHW"
    scale: float = 1 / 255


class OutputModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model: ``file`` is its graph, and ``files`` are that and the data that belongs to it.

    ``graph_sha256`` is that of the export in the store that it was copied from, and ``source``
    names the weights' origin exactly.
    """

    file: str
    files: dict[str, FileRecord]
    graph_sha256: str
    model: str
    weights: str
    weights_origin: WeightsOrigin
    source: str
    embedding: EmbeddingKind
    embedding_dim: int
    precision: Precision
    input: TensorInterface
    output: TensorInterface
    preprocessing: Preprocessing
    parity: Parity
    versions: dict[str, str]


class OutputManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All models of a folder, in the order of their files' names."""

    name: str = OUTPUT_MANIFEST_NAME
    version: int = OUTPUT_MANIFEST_VERSION
    models: tuple[OutputModel, ...] = ()

    @property
    def owned(self) -> set[str]:
        """The names of all files that simx has put there."""
        return {name for model in self.models for name in model.files}

    def of(self, file: str) -> OutputModel | None:
        """Return the model of a graph's file."""
        return next((model for model in self.models if model.file == file), None)

    def with_model(self, added: OutputModel) -> "OutputManifest":
        """Return it with a model added, or in the place of its predecessor."""
        others = [model for model in self.models if model.file != added.file]
        models = sorted((*others, added), key=lambda model: model.file)
        return msgspec.structs.replace(self, models=tuple(models))


def read_output_manifest(path: Path) -> OutputManifest:
    """Read the manifest of a folder of models.

    Raises:
        InputError: it cannot be read, or was not written by simx.
    """
    try:
        manifest = decode(read_whole(path, OUTPUT_MANIFEST), OutputManifest)
    except JsonDefectError as error:
        raise OUTPUT_MANIFEST.refused(path, clean(f"is not simx's own ({error})")) from error
    if (manifest.name, manifest.version) != (OUTPUT_MANIFEST_NAME, OUTPUT_MANIFEST_VERSION):
        raise OUTPUT_MANIFEST.refused(path, "is not simx's own, or another version's")
    return manifest
