"""A graph does not hold the batch it was traced with, and does not mix pictures of a batch.

The batch divides no other size (see ``graph.EXPORTED_BATCH``), so its multiples are found as well.
"""

from collections.abc import Iterable, Iterator

import onnx

from simx.exporter.verification.inspection.walk import Walk, attribute, described, is_external

_SHAPE_OPERANDS = {
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (3,),
    "Slice": (1, 2),
    "Split": (1,),
    "Tile": (1,),
}
"""Which inputs of an operator are sizes, counts or places along a dimension."""

_MEASURES = frozenset({"Shape", "Size"})
"""They read the size of a tensor, not its values."""

_ENDLESS = 2**31 - 1
"""Integers from here on stand for the end of a dimension."""


def complaints(walk: Walk, batch: int) -> Iterator[str]:
    """Find where the traced batch is left, and where pictures are put together."""
    yield from _in_operands(walk, batch)
    for name, tensor in walk.constants.items():
        if _holds(tensor.dims, batch):
            yield f"constant {name} {list(tensor.dims)} was made for the batch of {batch}"
    for graph in walk.graphs:
        for value in (*graph.input, *graph.output, *graph.value_info):
            dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
            if _holds(dims, batch):
                yield f"the batch of {batch} is frozen in {value.name}, whose shape is {dims}"
    yield from _reductions(walk)


def _in_operands(walk: Walk, batch: int) -> Iterator[str]:
    for node in walk.nodes:
        for name in _sizes(node, walk):
            tensor = walk.constants[name]
            if is_external(tensor):
                yield f"{described(node)} has its sizes {name} in another file"
            elif _holds(values := walk.integers(name) or (), batch):
                yield (
                    f"{described(node)} holds the batch of {batch} that it was traced with: "
                    f"{name} is {list(values)}"
                )


def _reductions(walk: Walk) -> Iterator[str]:
    """Find statistics of all pictures, as a decomposed batch norm takes them."""
    for node in walk.nodes:
        if node.op_type.startswith("Reduce") and not _is_known(node.input[0], walk):
            if len(node.input) > 1 and node.input[1]:
                axes = walk.integers(node.input[1]) or ()
            else:
                axes = next((tuple(e.ints) for e in node.attribute if e.name == "axes"), ())
            if 0 in axes or (not axes and not attribute(node, "noop_with_empty_axes", 0)):
                yield f"{described(node)} puts the pictures of a batch together: axes {list(axes)}"


def _sizes(node: onnx.NodeProto, walk: Walk) -> Iterator[str]:
    """Yield the constants that a node's sizes are computed from."""
    places = _SHAPE_OPERANDS.get(node.op_type, ())
    open_names = [node.input[place] for place in places if place < len(node.input)]
    seen = set(open_names)
    while open_names:
        name = open_names.pop()
        if name in walk.constants:
            yield name
        producer = walk.producers.get(name)
        if producer is not None and producer.op_type not in _MEASURES:
            fresh = set(producer.input) - seen
            seen |= fresh
            open_names.extend(fresh)


def _is_known(name: str, walk: Walk) -> bool:
    """Whether a value is a constant, or the size of something."""
    producer = walk.producers.get(name)
    return name in walk.constants or (producer is not None and producer.op_type in _MEASURES)


def _holds(values: Iterable[int], batch: int) -> bool:
    return any(0 < value < _ENDLESS and value % batch == 0 for value in values)
