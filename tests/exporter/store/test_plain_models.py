"""What documents and manifest say of plain models, held against the models, without simx's code."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import safetensors.numpy
from PIL import Image

import simx
from simx.exporter.jobs.plan import Exported
from simx.images.pictures import bundled
from simx.models.backbone import Preset
from simx.models.catalogue import load
from tests.cli.support import TRAINED_WEIGHTS
from tests.documents.pages import DOCS, blocks

Array = npt.NDArray[np.float32]
Prepare = Callable[[Path, dict[str, Any]], Array]

PICTURES = [path for _, path in bundled().files()]
ODD_SIZES = [(333, 500), (500, 333), (256, 257), (257, 256), (225, 224), (1, 1), (2, 1), (1, 3)]
PRESETS = sorted({each.preset for each in load()}, key=str)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export trained weights in every precision, to a store and beside it."""
    folder = tmp_path_factory.mktemp("exported")
    outcomes = simx.export(
        "squeezenet1_1",
        precisions=("fp32", "fp16", "int8"),
        weights=TRAINED_WEIGHTS,
        threads=1,
        store=folder / "store",
        output=folder / "models",
    )
    assert all(isinstance(outcome, Exported) for outcome in outcomes)
    return folder


def manifest_of(folder: Path) -> list[dict[str, Any]]:
    """Return the models of the manifest, as a program reads it."""
    models: list[dict[str, Any]] = msgspec.json.decode(
        (folder / "models" / "manifest.json").read_bytes()
    )["models"]
    return models


def shape(value: onnx.ValueInfoProto) -> list[str | int]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in dims]


def test_the_graphs_have_the_interface_of_the_manifest(folder: Path) -> None:
    """Names, shapes and types, the name of the free dimension too, in every precision."""
    models = manifest_of(folder)

    assert {model["precision"] for model in models} == {"fp32", "fp16", "int8"}
    for model in models:
        graph = onnx.load(folder / "models" / model["file"], load_external_data=False).graph
        for values, stated in ((graph.input, model["input"]), (graph.output, model["output"])):
            (value,) = values
            assert (value.name, shape(value)) == (stated["name"], stated["shape"])
            assert onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) == "FLOAT"
            assert stated["dtype"] == "float32"
        assert model["input"]["shape"] == ["batch", 3, 224, 224]
        assert model["output"]["shape"] == ["batch", 512]


def test_the_graphs_of_the_store_are_the_same(folder: Path) -> None:
    """A model of the store has the interface of its plain copy."""
    stored = {path.read_bytes() for path in (folder / "store").rglob("model.onnx")}

    assert stored == {path.read_bytes() for path in (folder / "models").glob("*.onnx")}


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    """Return the function that the documents give to those who do without simx."""
    (block,) = blocks(DOCS / "commands" / "export.md", "python")
    assert "import simx" not in block.body
    functions, _ = block.body.split("\n\n\n(model,)")
    names: dict[str, Any] = {}
    exec(functions, names)  # noqa: S102 - a block of the documents
    found: Prepare = names["prepare"]
    return found


@pytest.fixture(scope="module")
def odd_pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write pictures of random pixels, where every rounding shows."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    paths = [folder / f"{width}x{height}.png" for width, height in ODD_SIZES]
    for path, (width, height) in zip(paths, ODD_SIZES, strict=True):
        Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return paths


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: f"{p.interpolation}-{p.resize}-{p.crop}")
def test_the_lines_of_the_documents_give_simxs_input(
    preset: Preset, prepare: Prepare, odd_pictures: list[Path]
) -> None:
    """To the last bit, for every preset, so that every embedding is the same."""
    name = next(each.name for each in load() if each.preset == preset)
    for path in (*PICTURES, *odd_pictures):
        found = prepare(path, msgspec.to_builtins(preset))

        assert found.dtype == np.float32
        assert np.array_equal(found, simx.preprocess(path, name)), path.name


def session_of(folder: Path) -> tuple[Callable[[Array], Array], dict[str, Any]]:
    """Return what embeds an input with the fp32 model, and its manifest's preprocessing."""
    (model,) = [each for each in manifest_of(folder) if each["precision"] == "fp32"]
    session = onnxruntime.InferenceSession(folder / "models" / model["file"])

    def embed(image: Array) -> Array:
        found: Array = session.run(["embedding"], {"image": image})[0]
        return found

    return embed, model["preprocessing"]


def distance(found: Array, right: Array) -> float:
    """Return the relative L2 error."""
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


def test_the_lines_of_the_documents_give_the_stores_vectors(folder: Path, prepare: Prepare) -> None:
    """The manifest's own preprocessing is enough for torch's embeddings of the bundled pictures."""
    embed, preprocessing = session_of(folder)
    answers = next((folder / "store").rglob("pooled-fp32-*/verification.safetensors"))
    right = safetensors.numpy.load_file(answers)["embeddings"]

    assert len(right) == len(PICTURES)
    for path, vector in zip(PICTURES, right, strict=True):
        assert distance(embed(prepare(path, preprocessing))[0], vector) <= 1e-5


def test_one_pixel_changes_the_embedding(folder: Path, prepare: Prepare) -> None:
    """The long side rounded up, or a crop that begins a pixel later, is 7 to 15 % away."""
    embed, preprocessing = session_of(folder)
    anchor = PICTURES[0]
    right = embed(prepare(anchor, preprocessing))
    width, height = 301, 167
    scaled = math.ceil(256 * width / height), 256
    resized = Image.open(anchor).convert("RGB").resize(scaled, Image.Resampling.BILINEAR)
    mean, std = (np.array(preprocessing[name], np.float32) for name in ("mean", "std"))

    errors = []
    for left in (118, 119):
        pixels = np.asarray(resized.crop((left, 16, left + 224, 240)), np.float32)
        values = ((pixels / np.float32(255) - mean) / std).transpose(2, 0, 1)[np.newaxis]
        errors.append(distance(embed(values), right))
    assert min(errors) > 0.07
    assert max(errors) < 0.15


def test_the_manifest_states_every_rounding(folder: Path) -> None:
    """The rules of the size and of the crop's place are there in words that can be computed."""
    _, preprocessing = session_of(folder)

    assert preprocessing["long_side"] == "floor(resize * long / short)"
    assert preprocessing["crop_offset"] == "round_half_to_even((side - crop) / 2)"
    assert preprocessing["resampling"] == "Pillow Image.resize"
    assert preprocessing["orientation"] == "EXIF"
