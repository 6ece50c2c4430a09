"""A worker that counts the work of an exported graph, and measures the bandwidth of memory.

Imports onnx; runs beside no runtime.
"""

import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import onnx

from simx.results.schema.kernels import Step
from simx.runner.backends.kinds import convolution_kind, is_convolution, kind_of
from simx.runner.backends.ort.profiling import module_of
from simx.runner.measure.messages import Count, Counted
from simx.workers.connection import Connection

_COPIED = 2**26
"""Numbers of a copy, 256 MiB: far more than any cache holds."""

_COPIES = 8

_FLOAT_BYTES = 4

_VIEWS = frozenset({"Flatten", "Identity", "Reshape", "Shape", "Squeeze", "Unsqueeze"})
"""Operators that compute no number, and need not copy any."""


def main(connection: Connection) -> None:
    """Run a worker: one request, one answer."""
    request = connection.receive(msgspec.msgpack.Decoder(Count))
    steps = tuple(steps_of(onnx.load(request.path, load_external_data=False), request.batch))
    connection.send(Counted(steps, _bandwidth(request.threads)))


def steps_of(model: onnx.ModelProto, batch: int) -> Iterator[Step]:
    """Yield the nodes of a graph of float32 whose shapes follow from its input's."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    for node in graph.node:
        known = {name: shapes[name] for name in (*node.input, *node.output) if name in shapes}
        if node.op_type in _VIEWS or not known.keys() >= {*node.input[:2], node.output[0]}:
            continue
        module, kind = module_of(node), kind_of(node.op_type) or "other"
        if is_convolution(node.op_type):
            groups = next((each.i for each in node.attribute if each.name == "group"), 1)
            kind = convolution_kind(known[node.input[1]], groups)
        sizes = {name: _FLOAT_BYTES * math.prod(shape) for name, shape in known.items()}
        yield Step(
            kind=kind,
            modules=() if module is None else (module,),
            flops=_flops(node, known),
            reads={name: sizes[name] for name in node.input if name in sizes},
            writes={name: sizes[name] for name in node.output if name in sizes},
        )


def _flops(node: onnx.NodeProto, shapes: Mapping[str, list[int]]) -> int:
    """Return two operations for each multiply-accumulate, and else one for each result."""
    results = math.prod(shapes[node.output[0]])
    if is_convolution(node.op_type):
        return 2 * results * math.prod(shapes[node.input[1]][1:])
    if kind_of(node.op_type) == "matrix products":
        transposed = any(each.i for each in node.attribute if each.name == "transA")
        return 2 * results * shapes[node.input[0]][-2 if transposed else -1]
    return results


def _bandwidth(threads: int) -> float:
    source, target = np.ones((2, _COPIED), np.float32)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    times = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_COPIES):
            begun = time.perf_counter_ns()
            list(pool.map(lambda part: np.copyto(*part), parts))
            times.append(time.perf_counter_ns() - begun)
    return 2e9 * source.nbytes / min(times)
