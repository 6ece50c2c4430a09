"""The manifest beside plain models, for users who run them, and for simx to know its own files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from simx.common.bounded import Positive, PositiveAmount, Text
from simx.common.input_files import InputKind, read_whole
from simx.common.safe_text import clean
from simx.common.strict_json import JsonDefectError, decode
from simx.exporter.store.manifest import BATCH_NAME, INPUT_NAME, OUTPUT_NAME, FileRecord, Manifest
from simx.exporter.weights.file_reading import FileReading
from simx.models.backbone import EmbeddingKind, Precision, Preset
from simx.results.schema.report import Parity, WeightsOrigin

OUTPUT_MANIFEST_FILE = "manifest.json"
OUTPUT_MANIFEST_NAME: Final = "simx-models"
OUTPUT_MANIFEST_VERSION: Final = 2
"""2: how a weights file was read."""

OUTPUT_MANIFEST = InputKind(
    label="manifest ",
    mend="name another folder with --output, or move the file away",
    most_bytes=2**24,
)


class TensorInterface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input or output of a graph; a dimension with a name is free."""

    name: Text
    dtype: Literal["float32"] = "float32"
    shape: tuple[Text | Positive, ...]


class Preprocessing(Preset, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All steps from a picture to the input, to the pixel.

    The picture is turned upright by its EXIF data. Its short side is resized to ``resize`` and its
    long side to ``long_side``, by ``resampling`` with the filter ``interpolation``. The square of
    ``crop`` pixels begins at ``crop_offset`` from the left and from the top, where ``side`` is the
    resized width or height. In float32, values are divided by 255, ``mean`` is subtracted, and the
    result is divided by ``std``.
    """

    color: Literal["RGB"] = "RGB"
    orientation: Literal["EXIF"] = "EXIF"
    resampling: Literal["Pillow Image.resize"] = "Pillow Image.resize"
    long_side: Literal["floor(resize * long / short)"] = "floor(resize * long / short)"
    crop_offset: Literal["round_half_to_even((side - crop) / 2)"] = (
        "round_half_to_even((side - crop) / 2)"
    )
    scale: PositiveAmount = 1 / 255
    layout: Literal["NCHW"] = "NCHW"


class OutputModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model: ``file`` is its graph; ``files`` are the graph and its data.

    ``graph_sha256``, ``source`` and ``file_reading``, the exact origin of the weights and how their
    file was read, are those of the export.
    """

    file: Text
    files: dict[Text, FileRecord]
    graph_sha256: Text
    model: Text
    weights: Text
    weights_origin: WeightsOrigin
    source: Text
    file_reading: FileReading | UnsetType = UNSET
    embedding: EmbeddingKind
    embedding_dim: Positive
    precision: Precision
    input: TensorInterface
    output: TensorInterface
    preprocessing: Preprocessing
    parity: Parity
    versions: dict[Text, Text]


def output_model(file: str, files: Mapping[str, FileRecord], manifest: Manifest) -> OutputModel:
    """Describe an export's copy with files of these names."""
    preset = manifest.preset
    return OutputModel(
        file=file,
        files=dict(files),
        graph_sha256=manifest.graph_sha256,
        source=manifest.source,
        file_reading=manifest.file_reading,
        embedding_dim=manifest.embedding_dim,
        input=TensorInterface(name=INPUT_NAME, shape=(BATCH_NAME, 3, preset.crop, preset.crop)),
        output=TensorInterface(name=OUTPUT_NAME, shape=(BATCH_NAME, manifest.embedding_dim)),
        preprocessing=Preprocessing(**msgspec.structs.asdict(preset)),
        parity=manifest.parity,
        versions=manifest.versions,
        **msgspec.structs.asdict(manifest.identity),
    )


class OutputManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All models of a folder, in the order of their files' names."""

    name: Literal["simx-models"] = OUTPUT_MANIFEST_NAME
    version: Literal[1, 2] = OUTPUT_MANIFEST_VERSION
    models: tuple[OutputModel, ...] = ()

    @property
    def owned(self) -> set[str]:
        """The names of all files that simx has put there."""
        return {name for model in self.models for name in model.files}

    def of(self, file: str) -> OutputModel | None:
        """Return the model of a graph's file."""
        return next((model for model in self.models if model.file == file), None)

    def with_model(self, added: OutputModel) -> "OutputManifest":
        """Return it with a model added or replaced."""
        models = {model.file: model for model in (*self.models, added)}
        return OutputManifest(models=tuple(models[name] for name in sorted(models)))


def read_output_manifest(path: Path) -> OutputManifest:
    """Read the manifest of a folder of models.

    Raises:
        InputError: it cannot be read, or was not written by simx.
    """
    try:
        return decode(read_whole(path, OUTPUT_MANIFEST), OutputManifest)
    except JsonDefectError as error:
        raise OUTPUT_MANIFEST.refused(path, clean(f"is not simx's own ({error})")) from error
