"""All rules, in the order in which a breach explains the others."""

from collections.abc import Iterator

import onnx

from simx.exporter.store.manifest import INPUT_NAME, OUTPUT_NAME
from simx.exporter.verification.inspection import batch, evaluation, form, weights
from simx.exporter.verification.inspection.expectation import Expectation
from simx.exporter.verification.inspection.walk import Walk


def complaints(model: onnx.ModelProto, expected: Expectation) -> Iterator[str]:
    """Say what a graph has that an export must not have.

    Args:
        model: the graph; values that lie in another file need not be loaded.
        expected: the network it was made of.

    Yields:
        A line for each breach, which names the node or tensor.
    """
    walk = Walk(model)
    yield from _of_the_interface(walk, expected)
    yield from evaluation.complaints(walk)
    if expected.batch is not None:
        yield from batch.complaints(walk, expected.batch)
        yield from weights.complaints(walk, expected.weights)
        yield from form.complaints(walk)


def _of_the_interface(walk: Walk, expected: Expectation) -> Iterator[str]:
    """Say how the interface differs from [N, 3, crop, crop] to [N, dim], float32, N free."""
    values = (*walk.model.graph.input, *walk.model.graph.output)
    names = [value.name for value in values]
    if names != [INPUT_NAME, OUTPUT_NAME]:
        yield f"its inputs and outputs are named {names}, not {[INPUT_NAME, OUTPUT_NAME]}"
        return
    sizes = ((None, 3, expected.crop, expected.crop), (None, expected.dim))
    for value, size in zip(values, sizes, strict=True):
        if (shape := _shape(value)) != size:
            yield f"{value.name} has the shape {list(shape)}, not {list(size)}, None being free"
        if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            yield f"{value.name} is not of type float32"


def _shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
