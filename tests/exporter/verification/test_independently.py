"""One backbone of each family against implementations that simx has no part in.

The network is cut by torchvision's own feature extraction, at the node before the classifier, and
the exported file is run by ONNX's own reference implementation.
"""

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import safetensors.torch
import torch
from onnx.reference import ReferenceEvaluator
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan
from simx.exporter.network.architecture import build
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import INPUT_NAME, OUTPUT_NAME, VERIFICATION_FILE
from simx.exporter.store.store import Store
from simx.exporter.verification.reference import Reference, load_reference
from simx.exporter.weights.request import WeightsRequest
from simx.exporter.weights.state import fill
from simx.models.backbone import Backbone
from simx.models.catalogue import of_torchvision
from simx.results.schema.report import Parity
from simx.results.statistics.parity import disagreement, worst_parity

pytestmark = pytest.mark.slow

Array = npt.NDArray[np.float32]

DEFAULTS = [backbone for backbone in of_torchvision() if backbone.default]
SMALLEST = [
    min((b for b in DEFAULTS if b.family == family), key=lambda backbone: backbone.gflops)
    for family in sorted({backbone.family for backbone in DEFAULTS})
]

CLASSIFIERS = {"classifier", "fc", "head", "heads"}
"""How torchvision's networks call theirs."""

Case = tuple[Backbone, Entry, Reference]


@pytest.fixture(scope="module", params=SMALLEST, ids=lambda backbone: backbone.model)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Export a family's smallest backbone with random weights, and read torch's answers."""
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=2)
    store = Store(tmp_path_factory.mktemp("store"))
    (outcome,) = export([request.param], store, plan)
    assert isinstance(outcome, Exported), outcome
    entry = outcome.entry
    recorded = entry.manifest.files[VERIFICATION_FILE]
    return request.param, entry, load_reference(entry.verification_path, recorded)


def parity(found: Array, reference: Array) -> Parity:
    """Compare embeddings row by row, and print the figures for whoever looks."""
    figures = worst_parity(zip(found, reference, strict=True))
    print(f"relative L2 {figures.relative_l2:.1e}, cosine {figures.cosine:.9f}")  # noqa: T201
    return figures


def without_idle_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Clear ``ceil_mode`` where a window moves by one, and nothing is left to round.

    There the reference implementation counts the padding twice (onnx 1.23; seen with GoogLeNet).
    """
    for node in model.graph.node:
        attributes = {each.name: each for each in node.attribute}
        if node.op_type == "MaxPool" and set(attributes["strides"].ints) == {1}:
            attributes["ceil_mode"].i = 0
    return model


def test_torchvisions_feature_extraction_gives_the_same_embedding(case: Case) -> None:
    """Of all verification pictures, as one batch."""
    backbone, entry, reference = case
    model = build(backbone)
    fill(model, safetensors.torch.load_file(entry.weights_path))
    _, nodes = get_graph_node_names(model, suppress_diff_warning=True)
    place = next(i for i, node in enumerate(nodes) if node.split(".")[0] in CLASSIFIERS)
    extractor = create_feature_extractor(
        model, {nodes[place - 1]: "features"}, suppress_diff_warning=True
    ).eval()

    with torch.inference_mode():
        features = extractor(torch.from_numpy(reference.inputs(backbone.preset)))["features"]
    found = features.mean((2, 3)) if features.dim() == 4 else features

    assert disagreement(parity(found.numpy(), reference.embeddings)) is None


def test_onnxs_reference_implementation_gives_the_same_embedding(case: Case) -> None:
    """Of two pictures, as one batch: it knows nothing of speed."""
    backbone, entry, reference = case
    evaluator = ReferenceEvaluator(without_idle_rounding(onnx.load(entry.model_path)))

    outputs = evaluator.run([OUTPUT_NAME], {INPUT_NAME: reference.inputs(backbone.preset)[:2]})
    assert isinstance(outputs, list)
    found = np.asarray(outputs[0])

    assert found.shape == (2, backbone.embedding_dims.pooled)
    assert disagreement(parity(found, reference.embeddings[:2])) is None
