"""The weights of a graph are those of the headless network, once each, and all of them are read."""

import numpy as np
import pytest

from tests.exporter.verification.inspection.support import CONV, Constants, found, graph

STILL = f"{CONV} still = ReduceMean <keepdims = 0> (map, axes)"
AGAIN = "again = Conv <pads = [1, 1, 1, 1]> (image, second)"
QUANTISED = {
    "quantised": np.ones((5, 3, 3, 3), np.int8),
    "scale": np.float32(0.1),
    "zero": np.int8(0),
}
DEQUANTISED = "dequantised = DequantizeLinear (quantised, scale, zero)"


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("nodes", "constants", "complaint"),
    [
        (
            "[fc] logits = Gemm <transB = 1> (still, head) embedding = Relu (logits)",
            {"head": ones(7, 5)},
            "Gemm node fc is not of the headless network: head [7, 5] is too many",
        ),
        (
            "logits = MatMul (still, head) embedding = Relu (logits)",
            {"head": ones(5, 7)},
            "MatMul node logits is not of the headless network: head [5, 7] is too many",
        ),
        (
            f"{AGAIN} embedding = ReduceMean <keepdims = 0> (again, axes)",
            {"second": ones(5, 3, 3, 3)},
            "Conv node again is not of the headless network: second [5, 3, 3, 3] is too many",
        ),
        (
            "embedding = Add (still, bias)",
            {"bias": ones(1000)},
            "Add node embedding is of the head: bias is [1000]",
        ),
        (
            "embedding = Relu (still)",
            {"fc.weight": ones(1000, 5)},
            "no node reads fc.weight [1000, 5]",
        ),
    ],
)
def test_weights_of_a_head_are_named(nodes: str, constants: Constants, complaint: str) -> None:
    """Of any of its layers, of its classes, of a shape the network has, or read by nobody."""
    assert found(graph(f"{{ {STILL} {nodes} }}", constants)) == [complaint]


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        ("map = Conv (image, weight) two = Conv (image, weight) map2 = Add (map, two)", {}),
        (f"{DEQUANTISED} map2 = Conv (image, dequantised)", QUANTISED),
        ("turned = Transpose <perm = [0, 1, 3, 2]> (weight) map2 = Conv (image, turned)", {}),
        ("map = Conv (image, weight) map2 = Add (map, positions)", {"positions": ones(1, 5, 6, 6)}),
    ],
)
def test_weights_of_the_network_are_known_again(body: str, constants: Constants) -> None:
    """Read twice, quantised, turned, and beside constants that are no layer's weights."""
    model = graph(f"{{ {body} embedding = ReduceMean <keepdims = 0> (map2, axes) }}", constants)

    assert found(model) == []
