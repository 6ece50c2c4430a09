"""Queries of a graph: its nodes at any depth, and where values come from."""

from collections.abc import Iterator

import onnx
from onnx import numpy_helper

_PRESERVING = frozenset({"Cast", "DequantizeLinear", "Identity", "QuantizeLinear", "Transpose"})
"""Operators whose result is their first input in another type, layout or name."""

_INTEGERS = (onnx.TensorProto.INT32, onnx.TensorProto.INT64)


class Walk:
    """The nodes and constants of a model and its subgraphs; names are unique within a model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graphs = tuple(_graphs(model.graph))
        self.nodes = tuple(node for graph in self.graphs for node in graph.node)
        self.initializers = {
            tensor.name: tensor for graph in self.graphs for tensor in graph.initializer
        }
        self.producers = {name: node for node in self.nodes for name in node.output if name}
        self.constants = self.initializers | {
            node.output[0]: attribute.t
            for node in self.nodes
            if node.op_type == "Constant"
            for attribute in node.attribute
            if attribute.type == onnx.AttributeProto.TENSOR
        }

    def origin(self, name: str) -> str:
        """Follow a value back through what does not change it."""
        while (node := self.producers.get(name)) and node.op_type in _PRESERVING:
            name = node.input[0]
        return name

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return a constant's integers; None if it is no constant or holds something else."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.data_type not in _INTEGERS or is_external(tensor):
            return None
        return tuple(int(value) for value in numpy_helper.to_array(tensor).flat)


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether a tensor's values are in another file."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def described(node: onnx.NodeProto) -> str:
    """Name a node as viewers of graphs do: its operator, and its name or that of its result."""
    return f"{node.op_type} node {node.name or ', '.join(node.output)}"


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    """Return an integer attribute of a node."""
    return next((each.i for each in node.attribute if each.name == name), default)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for each in node.attribute:
            for nested in (each.g, *each.graphs) if each.HasField("g") else each.graphs:
                yield from _graphs(nested)
