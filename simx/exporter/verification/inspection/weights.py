"""A graph holds the weights of the headless network, at most: neither the head's nor unused ones.

They are known by their shapes, because fused and folded weights have other names. Other tensors
(biases, masks, positions) may be folded freely.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

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
"""Of every torchvision classifier; no network has another size of this value."""

Shape = tuple[int, ...]
"""The dimensions of a tensor."""


def surplus_weights(walk: Walk, shapes: tuple[Shape, ...]) -> Iterator[str]:
    """Find weights that are not those of the headless network, whose parameters have ``shapes``."""
    for node in walk.nodes:
        for name in node.input:
            tensor = walk.constants.get(name)
            if tensor is not None and CLASSES in tensor.dims:
                yield f"{described(node)} is of the head: {name} is {list(tensor.dims)}"
    yield from _too_many(walk, Counter(map(_unordered, shapes)))
    read = {name for node in walk.nodes for name in node.input}
    read.update(value.name for graph in walk.graphs for value in graph.output)
    for name, tensor in walk.initializers.items():
        if name not in read:
            yield f"no node reads {name} {list(tensor.dims)}"


def _too_many(walk: Walk, left: Counter[Shape]) -> Iterator[str]:
    """Count each weight once, at the first node that reads it."""
    seen: set[str] = set()
    for node in walk.nodes:
        for place in _WEIGHT_OPERANDS.get(node.op_type, ()):
            name = walk.origin(node.input[place]) if place < len(node.input) else ""
            if name not in walk.constants or name in seen:
                continue
            seen.add(name)
            dims = list(walk.constants[name].dims)
            left[_unordered(dims)] -= 1
            if left[_unordered(dims)] < 0:
                yield f"{described(node)} is not of the headless network: {name} {dims} is too many"


def _unordered(dims: Iterable[int]) -> Shape:
    """Return dimensions without order and ones: a matrix and its transposed count as the same."""
    return tuple(sorted(dim for dim in dims if dim != 1))
