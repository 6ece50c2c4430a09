"""ONNX files of somebody else's making: small networks of any shape, usable or not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 32

Dims = Sequence[int | str]


def weight(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(len(name)).standard_normal(shape) / 4
    return numpy_helper.from_array(values.astype(np.float32), name)


def value(name: str, dims: Dims, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def network(
    *,
    inputs: Sequence[onnx.ValueInfoProto] = (),
    outputs: Sequence[onnx.ValueInfoProto] = (),
    extra: Sequence[onnx.NodeProto] = (),
    weights: Sequence[onnx.TensorProto] = (),
    result: str = "pooled",
    opset: int = 17,
    ir_version: int = 8,
    domain: str = "",
) -> onnx.ModelProto:
    """Return a convolution of 8 filters with global pooling, [N, 3, 32, 32] -> [N, 8, 1, 1].

    Args:
        inputs: in place of its input ``pixels``.
        outputs: in place of its output, the value ``result``.
        extra: further nodes, after its own.
        weights: further weights.
        result: the value that is its output.
        opset: version of ONNX's operators.
        ir_version: version of the file's format.
        domain: that the extra nodes are of, if not ONNX's.
    """
    nodes = [
        helper.make_node("Conv", ["pixels", "filters"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
        *extra,
    ]
    graph = helper.make_graph(
        nodes,
        "somebody's",
        list(inputs) or [value("pixels", ["n", 3, SIDE, SIDE])],
        list(outputs) or [value(result, ["n", 8, 1, 1])],
        [weight("filters", 8, 3, 3, 3), *weights],
    )
    versions = [helper.make_opsetid("", opset)]
    if domain:
        versions.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=versions, ir_version=ir_version)


def of_nhwc() -> onnx.ModelProto:
    """Return the network with an input [N, 32, 32, 3]."""
    model = network(inputs=[value("rows", ["n", SIDE, SIDE, 3])])
    first = helper.make_node("Transpose", ["rows"], ["pixels"], perm=[0, 3, 1, 2])
    model.graph.node.insert(0, first)
    return model


def saved(model: onnx.ModelProto, path: Path) -> Path:
    """Write a model as it is, valid or not."""
    path.write_bytes(model.SerializeToString())
    return path


def saved_with_data(path: Path, location: str = "weights.bin", length: int | None = None) -> Path:
    """Write the network with its filters in another file, of which the model names a length."""
    model = network()
    (filters,) = model.graph.initializer
    content = filters.raw_data
    filters.ClearField("raw_data")
    filters.data_location = TensorProto.EXTERNAL
    filters.external_data.add(key="location", value=location)
    filters.external_data.add(key="offset", value="16")
    filters.external_data.add(key="length", value=str(length or len(content)))
    (path.parent / "weights.bin").write_bytes(bytes(16) + content)
    return saved(model, path)
