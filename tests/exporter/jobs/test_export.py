"""An export end to end, with trained weights and with random ones, and what makes it fail."""

import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest

from simx.common.errors import InputError
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan, NotExported, Outcome
from simx.exporter.store.manifest import INPUT_NAME, OUTPUT_NAME, VERIFICATION_FILE
from simx.exporter.store.store import Store
from simx.exporter.verification.reference import load_reference
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from simx.models.catalogue import load

ROOT = Path(__file__).resolve().parents[3]
TRAINED = ROOT / "tests" / "data" / "squeezenet1_1.safetensors"
SQUEEZENET = next(backbone for backbone in load() if backbone.name == "squeezenet1_1")
ALEXNET = next(backbone for backbone in load() if backbone.name == "alexnet")


def run(store: Path, request: WeightsRequest, *backbones: Backbone) -> list[Outcome]:
    plan = ExportPlan(embedding="pooled", request=request, threads=1)
    return list(export(backbones or (SQUEEZENET,), Store(store), plan))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """SqueezeNet with its trained weights, exported once."""
    (outcome,) = run(tmp_path_factory.mktemp("store"), WeightsRequest("file", TRAINED))
    assert isinstance(outcome, Exported), outcome
    return outcome


def test_the_manifest_tells_what_it_is(trained: Exported) -> None:
    """Identity, origin, hashes and parity are there, and the files are what they say."""
    manifest = trained.entry.manifest
    assert trained.entry.damage() is None

    assert trained.fresh
    assert manifest.identity.weights_origin == "file"
    assert manifest.source.startswith("sha256 5cf7b98356a4")
    assert manifest.parity.cosine > 0.999999
    assert manifest.parity.relative_l2 < 1e-5
    assert manifest.verified_batches == (1, 4)


def test_no_path_of_this_machine_is_inside(trained: Exported) -> None:
    """Neither the graph nor the manifest names a folder of whoever exported it."""
    content = b"".join(path.read_bytes() for path in trained.entry.folder.iterdir())
    paths = (str(ROOT), sys.prefix, str(trained.entry.store), "site-packages")

    assert [path for path in paths if path.encode() in content] == []
    graph = onnx.load(trained.entry.model_path).graph
    assert not any(node.metadata_props or node.doc_string for node in graph.node)


def test_the_reference_is_torchs_answer_to_the_pictures(trained: Exported) -> None:
    """The stored input, run through the stored model, gives the stored embeddings."""
    record = trained.entry.manifest.files[VERIFICATION_FILE]
    reference = load_reference(trained.entry.verification_path, record)
    session = onnxruntime.InferenceSession(trained.entry.model_path)
    inputs = reference.inputs(SQUEEZENET.preset)
    output = session.run([OUTPUT_NAME], {INPUT_NAME: inputs})[0]

    assert reference.pixels.shape == (4, 224, 224, 3)
    assert np.allclose(output, reference.embeddings, rtol=1e-4, atol=1e-4)


def test_an_export_that_is_there_is_not_made_again(trained: Exported) -> None:
    """The second time the same weights of the same backbone are answered from the store."""
    (again,) = run(trained.entry.store, WeightsRequest("file", TRAINED))

    assert isinstance(again, Exported)
    assert not again.fresh
    assert again.entry == trained.entry


def test_random_weights_are_labelled(tmp_path: Path) -> None:
    """Random weights are another entry beside all others, and say so."""
    (outcome,) = run(tmp_path, WeightsRequest("random"))

    assert isinstance(outcome, Exported)
    assert outcome.entry.manifest.identity.weights_origin == "random"
    assert outcome.entry.manifest.source == "seed 0"


def test_the_wrong_models_weights_are_refused(tmp_path: Path) -> None:
    """A named file that does not fit is the user's to mend, and nothing is stored."""
    with pytest.raises(InputError, match="alexnet"):
        run(tmp_path, WeightsRequest("file", TRAINED), ALEXNET)

    assert Store(tmp_path).entries() == []


def test_one_file_is_for_one_backbone(tmp_path: Path) -> None:
    """A file with several backbones selected is refused before any work."""
    with pytest.raises(InputError, match="name one"):
        run(tmp_path, WeightsRequest("file", TRAINED), SQUEEZENET, ALEXNET)


def test_a_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    """A backbone whose export fails is a record with its stage; the next one is exported."""
    dims = msgspec.structs.replace(SQUEEZENET.embedding_dims, pooled=513)
    impossible = msgspec.structs.replace(SQUEEZENET, embedding_dims=dims)
    failed, exported = run(tmp_path, WeightsRequest("random"), impossible, SQUEEZENET)

    assert isinstance(failed, NotExported)
    assert failed.stage == "reference"
    assert "512 dimensions, the catalogue says 513" in failed.reason
    assert isinstance(exported, Exported)
