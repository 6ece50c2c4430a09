"""int8: which nodes stay in float, corrected biases, and how near a difficult network stays."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from simx.exporter.jobs.calibration import calibration_pixels
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan
from simx.exporter.jobs.quantisation import (
    GOAL,
    Quantiser,
    mean_shift,
    prepare,
    sensitive_nodes,
)
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.normalisation import normalise
from simx.models.catalogue import load

TRAINED = Path(__file__).resolve().parents[2] / "data" / "mobilenet_v2_headless.safetensors"
MOBILENET = next(backbone for backbone in load() if backbone.name == "mobilenet_v2")
NODES = [f"node {place}" for place in range(100)]


class Network:
    """A network of nodes whose errors add up in squares."""

    def __init__(self, *errors: float, compensates: bool = False) -> None:
        self.calls = 0
        self._errors = dict(zip(NODES, errors, strict=False))
        self._compensates = compensates

    def error(self, in_float: Collection[str]) -> float:
        self.calls += 1
        quantised = [name for name in NODES if name not in in_float]
        squares = sum(self._errors.get(name, 0.005) ** 2 for name in quantised)
        # The second node's error takes half of the first one's back.
        if self._compensates and {NODES[0], NODES[1]} <= set(quantised):
            squares /= 4
        return float(np.sqrt(squares))


@pytest.mark.parametrize("errors", [(0.3,), (0.0, 0.2, 0.0, 0.25), (0.2, 0.2, 0.2)])
def test_the_nodes_that_cause_the_error_stay_in_float(errors: tuple[float, ...]) -> None:
    """Only they, and their own errors are stated."""
    network = Network(*errors)
    culprits = {NODES[place]: error for place, error in enumerate(errors) if error}

    found = sensitive_nodes(NODES, network.error, 64)

    assert found.in_float == pytest.approx(culprits)
    assert found.error == network.error(culprits) <= GOAL
    assert found.error_without_choice == network.error(())


def test_errors_that_compensate_each_other_are_found() -> None:
    """Without one of the two alone the error is larger than with both."""
    network = Network(0.3, 0.3, compensates=True)
    assert network.error([NODES[0]]) > network.error(())

    found = sensitive_nodes(NODES, network.error, 64)

    assert found.in_float.keys() == set(NODES[:2])


def test_a_network_within_the_goal_is_not_searched() -> None:
    """All of it is in int8."""
    network = Network(0.05)

    assert sensitive_nodes(NODES, network.error, 64).in_float == {}
    assert network.calls == 1


def test_the_search_ends() -> None:
    """Where all nodes cause the same error, some stay in float when the trials are used up."""
    network = Network(*[0.1] * 100)

    found = sensitive_nodes(NODES, network.error, 20)

    assert network.calls <= 20
    assert found.error <= found.error_without_choice


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_the_shift_is_that_of_the_mean_output(groups: int) -> None:
    """Of inputs that have their mean everywhere, it is the difference of the outputs."""
    chance = np.random.default_rng(0)
    weights = chance.normal(size=(12, 6 // groups, 3, 3)).astype(np.float32)
    means = chance.normal(size=6).astype(np.float32)
    scales = np.abs(weights).reshape(12, -1).max(axis=1) / 63
    values = np.round(weights / scales.reshape(-1, 1, 1, 1)).astype(np.int8)
    rounded = values * scales.reshape(-1, 1, 1, 1)

    inputs = means.reshape(groups, -1).repeat(12 // groups, axis=0)[..., None, None]
    expected = (rounded * inputs).sum((1, 2, 3)) - (weights * inputs).sum((1, 2, 3))
    shift = mean_shift([values, scales, np.zeros(12, np.int8)], weights, means)
    assert shift == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """MobileNetV2 with its trained weights in int8, which is off by 30 % without these means."""
    request = WeightsRequest("file", TRAINED)
    plan = ExportPlan(embedding="pooled", request=request, precisions=("int8",), threads=2)
    (outcome,) = export([MOBILENET], Store(tmp_path_factory.mktemp("store")), plan)
    assert isinstance(outcome, Exported), outcome
    return outcome.entry


def test_a_depthwise_network_keeps_its_embedding(entry: Entry) -> None:
    """On the pictures that it is verified with, none of which gave a range."""
    assert entry.manifest.parity.cosine >= 0.99
    assert entry.manifest.margin == pytest.approx(entry.manifest.reference_margin, abs=2)


def test_the_manifest_states_what_stays_in_float(entry: Entry) -> None:
    """A few convolutions at the beginning, which take their weights from float tensors."""
    found = entry.manifest.quantised
    assert found
    graph = onnx.load(entry.model_path).graph
    tensors = {each.name: each.data_type for each in graph.initializer}
    in_float = {
        node.name
        for node in graph.node
        if node.op_type == "Conv" and tensors.get(node.input[1]) == onnx.TensorProto.FLOAT
    }

    assert in_float == {
        name for name in (*(found.beginning or ()), *found.in_float) if name.endswith("/Conv")
    }
    assert 0 < len(in_float) < 10
    assert found.error <= GOAL
    assert (found.pictures, found.calibration_sha256) == (24, None)


def test_the_beginning_causes_the_error(entry: Entry, tmp_path: Path) -> None:
    """In eight bits too, it would bring the error above the goal."""
    full = next(entry.model_path.parents[1].glob("*fp32*/model.onnx"))
    prepare(full, tmp_path / "model.onnx", is_large=False)
    inputs = [normalise(each[None], MOBILENET.preset) for each in calibration_pixels(MOBILENET)]
    quantiser = Quantiser(tmp_path / "model.onnx", inputs, 2, is_large=False)
    assert quantiser.beginning

    quantiser.beginning.clear()

    assert quantiser.error(()) > GOAL


def _graph(*nodes: onnx.NodeProto, weights: Mapping[str, Sequence[int]]) -> onnx.GraphProto:
    """Return a graph of pictures of three channels, with weights of these shapes."""
    chance, floats = np.random.default_rng(0), onnx.TensorProto.FLOAT
    return onnx.helper.make_graph(
        list(nodes),
        "graph",
        [onnx.helper.make_tensor_value_info("image", floats, [1, 3, 8, 8])],
        [onnx.helper.make_tensor_value_info(nodes[-1].output[0], floats, None)],
        [
            numpy_helper.from_array(chance.normal(size=shape).astype(np.float32), name)
            for name, shape in weights.items()
        ],
    )


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(8, 3, 3, 3), (8, 1, 3, 3), (16, 8, 1, 1), (8, 16, 3, 3)], 3),
        ([(8, 3, 3, 3), (8, 8, 3, 3), (8, 1, 3, 3)], 1),
        ([(8, 3, 7, 7), (8, 1, 3, 3)], 0),
        ([(8, 3, 3, 3), (8, 1, 3, 3)], 0),
    ],
)
def test_short_sums_at_the_beginning_stay_in_float(
    shapes: Sequence[tuple[int, ...]], expected: int, tmp_path: Path
) -> None:
    """Up to the first convolution whose sums have more products; and nothing if none has."""
    convolutions = []
    for place, (out, of_group, *kernel) in enumerate(shapes):
        channels = shapes[place - 1][0] if place else 3
        convolutions.append(
            onnx.helper.make_node(
                "Conv",
                [f"value {place}" if place else "image", f"weight {place}"],
                [f"value {place + 1}"],
                f"convolution {place}",
                group=channels // of_group,
                pads=[kernel[0] // 2] * 4,
            )
        )
        assert out % (channels // of_group) == 0
    weights = {f"weight {place}": shape for place, shape in enumerate(shapes)}
    quantiser = _quantiser(_graph(*convolutions, weights=weights), tmp_path)

    assert quantiser.beginning == [each.name for each in convolutions[:expected]]
    assert quantiser.nodes == [each.name for each in convolutions[expected:]]


def test_a_beginning_with_a_pooling_is_quantised(tmp_path: Path) -> None:
    """On the border between float and eight bits, a MaxPool takes much time."""
    node = onnx.helper.make_node
    nodes = (
        node("Conv", ["image", "first"], ["value 0"], "convolution 0"),
        node("MaxPool", ["value 0"], ["value 1"], "pooling", kernel_shape=[2, 2]),
        node("Conv", ["value 1", "second"], ["value 2"], "convolution 1", group=8),
        node("Conv", ["value 2", "third"], ["value 3"], "convolution 2"),
    )
    weights = {"first": (8, 3, 3, 3), "second": (8, 1, 1, 1), "third": (8, 8, 2, 3)}
    quantiser = _quantiser(_graph(*nodes, weights=weights), tmp_path)

    assert quantiser.beginning == []
    assert quantiser.nodes == ["convolution 0", "pooling", "convolution 1", "convolution 2"]


@pytest.mark.parametrize(
    ("axes", "keepdims", "operator"),
    [
        ([2, 3], 1, "GlobalAveragePool"),
        ([-1, -2], 1, "GlobalAveragePool"),
        ([1, 2], 1, "ReduceMean"),
        ([2, 3], 0, "ReduceMean"),
    ],
)
def test_a_mean_over_pictures_becomes_a_pooling(
    axes: list[int], keepdims: int, operator: str, tmp_path: Path
) -> None:
    """And only such a one: no other mean has a form that is computed in eight bits."""
    convolution = onnx.helper.make_node("Conv", ["image", "weight"], ["value"], "convolution")
    mean = onnx.helper.make_node("ReduceMean", ["value", "axes"], ["mean"], keepdims=keepdims)
    graph = _graph(convolution, mean, weights={"weight": (8, 3, 7, 7)})
    graph.initializer.append(numpy_helper.from_array(np.array(axes), "axes"))
    _quantiser(graph, tmp_path)

    prepared = onnx.load(tmp_path / "prepared.onnx").graph
    assert prepared.node[-1].op_type == operator
    assert all(node.name for node in prepared.node)


def test_beside_a_normalisation_only_products_are_quantised(tmp_path: Path) -> None:
    """It computes in float, as does then the sum that it reads."""
    convolution = onnx.helper.make_node("Conv", ["image", "weight"], ["value"], "convolution")
    add = onnx.helper.make_node("Add", ["value", "value"], ["sum"], "add")
    normal = onnx.helper.make_node("LayerNormalization", ["sum", "scale"], ["normal"], "normal")
    weights = {"weight": (8, 3, 7, 7), "scale": (2,)}
    alone = _quantiser(_graph(convolution, add, weights=weights), tmp_path)
    beside = _quantiser(_graph(convolution, add, normal, weights=weights), tmp_path)

    assert (alone.nodes, beside.nodes) == (["convolution", "add"], ["convolution"])


def _quantiser(graph: onnx.GraphProto, folder: Path) -> Quantiser:
    """Write a graph and prepare it."""
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])
    onnx.save(model, folder / "full.onnx")
    prepare(folder / "full.onnx", folder / "prepared.onnx", is_large=False)
    inputs = list(np.random.default_rng(0).normal(size=(4, 1, 3, 8, 8)).astype(np.float32))
    return Quantiser(folder / "prepared.onnx", inputs, 1, is_large=False)
