"""A graph's one input and one output: their names, types and sizes, and a batch that is free."""

from collections.abc import Iterator

import onnx

from simx.exporter.store.manifest import INPUT_NAME, OUTPUT_NAME
from simx.exporter.verification.inspection.expectation import Expectation
from simx.exporter.verification.inspection.walk import Walk


def complaints(walk: Walk, expected: Expectation) -> Iterator[str]:
    """Say how the interface is another one than [N, 3, crop, crop] to [N, dim], float32."""
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
