"""Is a graph what an export has to be? Decided from its description alone, without running it.

It has the interface of its manifest, belongs to no training, and can be read anywhere: standard
operators of a stated version, nothing of this machine. It does not hold the batch it was traced
with, and does not mix pictures of a batch: that batch divides no other size (see
``graph.EXPORTED_BATCH``), so its multiples are found as well. It holds the weights of the headless
network, at most: neither the head's nor unused ones. They are known by their shapes, because fused
and folded weights have other names. Other tensors (biases, masks, positions) may be folded freely.

Each breach is one line that names the node or tensor. Imports onnx, never a runtime.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx

from simx.exporter.store.manifest import BATCH_NAME, DATA_FILE, INPUT_NAME, OUTPUT_NAME
from simx.exporter.verification.walk import Walk, attribute, described, is_external

_RANDOM = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)


_STANDARD = frozenset({"", "ai.onnx"})
"""The domains of ONNX's own operators: two names of one."""

_OF_A_MACHINE = re.compile(r"\.py\b|site-packages|^[A-Za-z]:\\|^/(home|root|tmp|usr|Users|var)/")
"""The parts of a name that was made from a file's."""

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

_WEIGHT_OPERANDS = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Einsum": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
}
"""Which inputs of an operator can be the weights of a layer."""

CLASSES = 1000
"""Of every torchvision classifier; no network has another size of this value."""

Shape = tuple[int, ...]
"""The dimensions of a tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an exported graph has to be.

    Attributes:
        crop: height and width of its input in pixels.
        dim: components of its embedding.
        batch: the batch it was traced with, which divides no size of the network; nothing of it may
            be left. None for a graph that was converted from an inspected one.
        weights: shapes of the headless network's parameters; the graph may hold fewer. Not used for
            a converted graph.
    """

    crop: int
    dim: int
    batch: int | None = None
    weights: tuple[Shape, ...] = ()


def complaints(model: onnx.ModelProto, expected: Expectation) -> Iterator[str]:
    """Find what a graph has that an export must not have.

    Args:
        model: the graph; values that lie in another file need not be loaded.
        expected: the network it was made of.

    Yields:
        A line for each breach, which names the node or tensor.
    """
    walk = Walk(model)
    yield from _of_the_interface(walk, expected)
    for node in walk.nodes:
        if problem := _training(node):
            yield f"{described(node)} {problem}"
    if expected.batch is not None:
        yield from _of_the_batch(walk, expected.batch)
        yield from _of_the_weights(walk, expected.weights)
        yield from _of_the_form(walk)


def _of_the_interface(walk: Walk, expected: Expectation) -> Iterator[str]:
    """The interface is [batch, 3, crop, crop] to [batch, dim], float32, as manifests state it."""
    values = (*walk.model.graph.input, *walk.model.graph.output)
    names = [value.name for value in values]
    if names != [INPUT_NAME, OUTPUT_NAME]:
        yield f"its inputs and outputs are named {names}, not {[INPUT_NAME, OUTPUT_NAME]}"
        return
    sizes = ([BATCH_NAME, 3, expected.crop, expected.crop], [BATCH_NAME, expected.dim])
    for value, size in zip(values, sizes, strict=True):
        dims = value.type.tensor_type.shape.dim
        shape = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in dims]
        if shape != size:
            yield f"{value.name} has the shape {shape}, not {size}"
        if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            yield f"{value.name} is not of type float32"


def _training(node: onnx.NodeProto) -> str | None:
    if node.op_type in _RANDOM:
        return "draws at random"
    if node.op_type == "Dropout":  # torch's exporter leaves none in evaluation mode
        return "is left from training"
    if node.op_type == "BatchNormalization" and (
        attribute(node, "training_mode", 0) or sum(map(bool, node.output)) > 1
    ):
        return "is in training mode: it takes its statistics from the batch"
    return None


def _of_the_batch(walk: Walk, batch: int) -> Iterator[str]:
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
        if not node.op_type.startswith("Reduce"):
            continue
        of, producer = node.input[0], walk.producers.get(node.input[0])
        is_size = producer is not None and producer.op_type in _MEASURES
        if of not in walk.constants and not is_size:
            if len(node.input) > 1 and node.input[1]:
                axes = walk.integers(node.input[1]) or ()
            else:
                axes = next((tuple(e.ints) for e in node.attribute if e.name == "axes"), ())
            if 0 in axes or (not axes and not attribute(node, "noop_with_empty_axes", 0)):
                yield f"{described(node)} puts the pictures of a batch together: axes {list(axes)}"


def _sizes(node: onnx.NodeProto, walk: Walk) -> Iterator[str]:
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


def _holds(values: Iterable[int], batch: int) -> bool:
    return any(0 < value < _ENDLESS and value % batch == 0 for value in values)


def _of_the_weights(walk: Walk, shapes: tuple[Shape, ...]) -> Iterator[str]:
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


def _of_the_form(walk: Walk) -> Iterator[str]:
    """Find what only some engines can read, and what names the machine that exported it."""
    model = walk.model
    if model.functions:
        yield f"local function {model.functions[0].name} is left"
    yield from _operators(walk)
    for name, text in _remarks(walk):
        yield f"{name} has metadata: {text[:60]!r}"
    for name in _names(walk):
        if _OF_A_MACHINE.search(name):
            yield f"the name {name[:60]!r} is that of a file"
    for name, tensor in walk.constants.items():
        if is_external(tensor):
            location = next((e.value for e in tensor.external_data if e.key == "location"), "")
            if location != DATA_FILE:
                yield f"{name} lies in {location!r}, not in {DATA_FILE!r} beside the model"


def _operators(walk: Walk) -> Iterator[str]:
    versions = {each.domain: each.version for each in walk.model.opset_import}
    if not any(versions.get(name, 0) > 0 for name in _STANDARD):
        yield "it states no version of ONNX's operators"
    for domain in versions.keys() - _STANDARD:
        yield f"it imports operators of {domain}, which is no domain of ONNX's own"
    for node in walk.nodes:
        if node.domain not in _STANDARD:
            yield f"{described(node)} is of {node.domain}, which is no domain of ONNX's own"


def _remarks(walk: Walk) -> Iterator[tuple[str, str]]:
    model = walk.model
    holders: list[tuple[str, onnx.ModelProto | onnx.GraphProto | onnx.NodeProto]] = [
        ("the model", model),
        *((f"graph {graph.name}", graph) for graph in walk.graphs),
        *((described(node), node) for node in walk.nodes),
    ]
    values = (
        value
        for graph in walk.graphs
        for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    )
    for name, holder in (*holders, *((value.name, value) for value in values)):
        for each in holder.metadata_props:
            yield name, f"{each.key}={each.value}"
        if holder.doc_string:
            yield name, holder.doc_string


def _names(walk: Walk) -> Iterator[str]:
    for graph in walk.graphs:
        yield graph.name
        yield from (value.name for value in (*graph.input, *graph.output, *graph.value_info))
    yield from walk.initializers
    for node in walk.nodes:
        yield node.name
        yield from node.output
        for each in node.attribute:
            yield from (text.decode(errors="replace") for text in (each.s, *each.strings))
