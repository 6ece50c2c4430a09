"""What was made for the traced batch alone is refused, and the same numbers elsewhere are not."""

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.exporter.verification.inspection.support import CONV, Constants, found, graph

STILL = f"{CONV} still = ReduceMean <keepdims = 0> (map, axes)"
BATCH = "shape = Shape (image) batch = Slice (shape, zero, one)"
BATCH_READ = f"{BATCH} size = Concat <axis = 0> (batch, five)"
COUNTED = "shape = Shape (image) whole = ReduceProd (shape) count = Cast <to = 1> (whole)"
HELD = "holds the batch of 101 that it was traced with"


@pytest.mark.parametrize(
    ("nodes", "constants", "complaint"),
    [
        (
            "[flat] embedding = Reshape (still, size)",
            {"size": [101, 5]},
            f"Reshape node flat {HELD}: size is [101, 5]",
        ),
        (
            "windows = Reshape (still, size) embedding = Reshape (windows, free)",
            {"size": [404, -1], "free": [-1, 5]},
            f"Reshape node windows {HELD}: size is [404, -1]",
        ),
        (
            "tokens = Expand (token, size) embedding = Add (still, tokens)",
            {"token": np.ones((1, 5), np.float32), "size": [101, 5]},
            f"Expand node tokens {HELD}: size is [101, 5]",
        ),
        (
            "tokens = Tile (token, times) embedding = Add (still, tokens)",
            {"token": np.ones((1, 5), np.float32), "times": [101, 1]},
            f"Tile node tokens {HELD}: times is [101, 1]",
        ),
        (
            "embedding = Slice (still, first, last, along)",
            {"first": [0], "last": [101], "along": [0]},
            f"Slice node embedding {HELD}: last is [101]",
        ),
        (
            "zeros = ConstantOfShape (size) embedding = Add (still, zeros)",
            {"size": [101, 5]},
            f"ConstantOfShape node zeros {HELD}: size is [101, 5]",
        ),
        (
            "a, embedding = Split <axis = 0> (still, parts)",
            {"parts": [1, 101]},
            f"Split node a, embedding {HELD}: parts is [1, 101]",
        ),
        (
            "size = Concat <axis = 0> (first, second) embedding = Reshape (still, size)",
            {"first": [101], "second": [5]},
            f"Reshape node embedding {HELD}: first is [101]",
        ),
        (
            "size = Constant <value = int64[2] {101, 5}> () embedding = Reshape (still, size)",
            {},
            f"Reshape node embedding {HELD}: size is [101, 5]",
        ),
        (
            "embedding = Add (still, tokens)",
            {"tokens": np.ones((101, 5), np.float32)},
            "constant tokens [101, 5] was made for the batch of 101",
        ),
        (
            "mean = ReduceMean (still, first) embedding = Sub (still, mean)",
            {"first": [0]},
            "ReduceMean node mean puts the pictures of a batch together: axes [0]",
        ),
        (
            "peak = ReduceMax (still) embedding = Div (still, peak)",
            {},
            "ReduceMax node peak puts the pictures of a batch together: axes []",
        ),
    ],
)
def test_what_a_batch_was_frozen_into_is_named(
    nodes: str, constants: Constants, complaint: str
) -> None:
    """In sizes, by whatever way they come, in tensors that were repeated, and in statistics."""
    assert found(graph(f"{{ {STILL} {nodes} }}", constants)) == [complaint]


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ("embedding = Reshape (still, size)", {"size": [-1, 5]}),
        ("embedding = Reshape (still, size)", {"size": [0, 5]}),
        (
            "embedding = Slice (still, first, last, along)",
            {"first": [0], "last": [2**63 - 1], "along": [0]},
        ),
        ("embedding = Slice (still, first, last)", {"first": [0], "last": [101 * 2**40]}),
        (
            f"{BATCH_READ} embedding = Reshape (still, size)",
            {"zero": [0], "one": [1], "five": [5]},
        ),
        (
            f"{COUNTED} embedding = Div (still, count)",
            {},
        ),
        ("embedding = Mul (still, factor)", {"factor": np.float32(101)}),
    ],
)
def test_what_fits_any_batch_is_none(nodes: str, constants: Constants) -> None:
    """A free or copied size, the end of whatever is there, a size that is read, a mere number."""
    assert found(graph(f"{{ {STILL} {nodes} }}", constants)) == []


def test_a_frozen_shape_between_nodes_is_named() -> None:
    """Engines believe what a graph says of its values."""
    model = graph()
    model.graph.value_info.append(
        helper.make_tensor_value_info("map", onnx.TensorProto.FLOAT, [202, 5, 6, 6])
    )

    assert found(model) == ["the batch of 101 is frozen in map, whose shape is [202, 5, 6, 6]"]


def test_sizes_that_cannot_be_seen_are_named() -> None:
    """They belong into the graph, whatever lies beside it."""
    model = graph(f"{{ {STILL} embedding = Reshape (still, size) }}", {"size": [-1, 5]})
    (tensor,) = (each for each in model.graph.initializer if each.name == "size")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="model.onnx.data")

    assert found(model) == ["Reshape node embedding has its sizes size in another file"]
