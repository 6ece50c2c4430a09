"""int8: which nodes stay in float, corrected biases, and how near a difficult network stays."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import pytest

from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan
from simx.exporter.jobs.quantisation import GOAL, mean_shift, sensitive_nodes
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
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
    shift = mean_shift(weights, [values, scales, np.zeros(12, np.int8)], means)
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

    assert in_float == {name for name in found.in_float if "conv" in name}
    assert 0 < len(in_float) < 10
    assert found.error <= GOAL < found.error_without_choice
    assert (found.pictures, found.calibration_sha256) == (24, None)
