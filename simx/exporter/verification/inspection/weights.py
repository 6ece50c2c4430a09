"""A graph holds the weights of the headless network, at most: neither the head's nor idle ones.

They are known by their shapes, because fused and folded weights have other names. What is no
weight of a convolution or of a linear layer (biases, masks, positions) may be folded freely.
"""

from collections import Counter
from collections.abc import Iterator

import onnx

from simx.exporter.verification.inspection.expectation import Shape, unordered
from simx.exporter.verification.inspection.walk import Walk, described

_WEIGHT_OPERANDS = {
    "Conv": (1,),
    "ConvInteger": (1,),
    "ConvTranspose": (1,),
    "Einsum": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QGemm": (0, 3),
    "QLinearConv": (3,),
    "QLinearMatMul": (0, 3),
}
"""Which inputs of an operator can be the weights of a layer."""

CLASSES = 1000
"""Of every torchvision classifier; no other size of any of its networks."""


def complaints(walk: Walk, shapes: tuple[Shape, ...]) -> Iterator[str]:
    """Say which weights are not those of the headless network.

    Args:
        walk: the graph.
        shapes: of the headless network's parameters.
    """
    yield from _of_classes(walk)
    yield from _surplus(walk, Counter(map(unordered, shapes)))
    yield from _idle(walk)


def _of_classes(walk: Walk) -> Iterator[str]:
    for node in walk.nodes:
        for name in node.input:
            tensor = walk.constants.get(name)
            if tensor is not None and CLASSES in tensor.dims:
                yield f"{described(node)} is of the head: {name} is {list(tensor.dims)}"


def _surplus(walk: Walk, left: Counter[Shape]) -> Iterator[str]:
    for node, name, shape in _weights(walk):
        left[shape] -= 1
        if left[shape] < 0:
            dims = list(walk.constants[name].dims)
            yield f"{described(node)} is not of the headless network: {name} {dims} is too many"


def _weights(walk: Walk) -> Iterator[tuple[onnx.NodeProto, str, Shape]]:
    """Yield each weight once, with the first node that reads it."""
    seen: set[str] = set()
    for node in walk.nodes:
        for place in _WEIGHT_OPERANDS.get(node.op_type, ()):
            name = walk.origin(node.input[place]) if place < len(node.input) else ""
            if name in walk.constants and name not in seen:
                seen.add(name)
                yield node, name, unordered(walk.constants[name].dims)


def _idle(walk: Walk) -> Iterator[str]:
    read = {name for node in walk.nodes for name in node.input}
    read.update(value.name for graph in walk.graphs for value in graph.output)
    for name, tensor in walk.initializers.items():
        if name not in read:
            yield f"no node reads {name} {list(tensor.dims)}"
