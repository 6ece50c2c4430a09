"""All rules, in the order in which a breach explains the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

from simx.exporter.store.manifest import BATCH_NAME, INPUT_NAME, OUTPUT_NAME
from simx.exporter.verification.inspection import batch, form
from simx.exporter.verification.inspection.walk import Walk, attribute, described
from simx.exporter.verification.inspection.weights import Shape, surplus_weights

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
        yield from batch.complaints(walk, expected.batch)
        yield from surplus_weights(walk, expected.weights)
        yield from form.complaints(walk)


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
    """Return how a node belongs to training, or None."""
    if node.op_type in _RANDOM:
        return "draws at random"
    if node.op_type == "Dropout":  # torch's exporter leaves none in evaluation mode
        return "is left from training"
    if node.op_type == "BatchNormalization" and (
        attribute(node, "training_mode", 0) or sum(map(bool, node.output)) > 1
    ):
        return "is in training mode: it takes its statistics from the batch"
    return None
