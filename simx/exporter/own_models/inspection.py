"""Inspects a user's ONNX file by running it once, and counts its multiply-accumulates.

Runs inside a worker only.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from simx.exporter.own_models.described import Inspect, Inspected, Refused
from simx.exporter.own_models.graph import OwnGraph
from simx.exporter.own_models.reading import UnusableModelError
from simx.exporter.verification.outputs import session_options
from simx.workers.connection import Connection

_COUNTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

_NOT_COUNTED = frozenset(
    {"Attention", "DeformConv", "Einsum", "GRU", "If", "LSTM", "Loop", "RNN", "Scan", "SequenceMap"}
)
"""Operators whose multiply-accumulates do not follow from the shapes of two inputs and a result."""

_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE})

_SHAPE = "simx_shape_of_"

Shape = tuple[int, ...]


def main(connection: Connection) -> None:
    """Run a worker: one request, one answer."""
    request = connection.receive(msgspec.msgpack.Decoder(Inspect))
    try:
        reply: Inspected | Refused = _inspected(request)
    except UnusableModelError as error:
        reply = Refused(str(error))
    connection.send(reply)


def _inspected(request: Inspect) -> Inspected:
    graph = OwnGraph(Path(request.path), request.crop, request.layout)
    walk = graph.walk
    floats = (each for each in walk.constants.values() if each.data_type in _FLOATS)
    params = sum(math.prod(each.dims) for each in floats)
    image = np.zeros((1, 3, request.crop, request.crop), np.float32)
    embedding, shapes = _run_once(graph.model, image)
    if embedding.ndim != 2 or len(embedding) != 1:  # noqa: PLR2004 - picture and component
        raise UnusableModelError(
            f"gives {list(embedding.shape)} for one picture, not [1, D]; export it for embeddings"
        )
    return Inspected(
        sha256=graph.sha256,
        bytes=graph.bytes,
        dim=embedding.shape[1],
        params=params,
        gmacs=sum(_multiply_accumulates(graph.model, shapes)) / 1e9,
        is_counted=not any(node.op_type in _NOT_COUNTED for node in walk.nodes),
        single_picture=graph.single_picture,
    )


def plain_session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph without any of ONNX Runtime's optimisations, with so many threads.

    Raises:
        UnusableModelError: ONNX Runtime cannot load it.
    """
    options = session_options(threads)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # the error itself is raised
    with _refusing("ONNX Runtime cannot load it"):
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _run_once(model: onnx.ModelProto, image: np.ndarray) -> tuple[np.ndarray, Mapping[str, Shape]]:
    """Return the embedding of an image, and the shapes of the values of counted nodes."""
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    names = [
        name
        for node in model.graph.node
        if node.op_type in _COUNTED
        for name in (*node.input[:2], node.output[0])
    ]
    names = list(dict.fromkeys(names))
    for name in names:
        probed.graph.node.append(helper.make_node("Shape", [name], [_SHAPE + name]))
        value = helper.make_tensor_value_info(_SHAPE + name, TensorProto.INT64, None)
        probed.graph.output.append(value)
    session = plain_session(probed.SerializeToString(), threads=1)
    with _refusing("ONNX Runtime cannot run it on a picture"):
        embedding, *found = session.run(None, {model.graph.input[0].name: image})
    return embedding, {name: tuple(map(int, of)) for name, of in zip(names, found, strict=True)}


def _multiply_accumulates(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> Iterator[int]:
    """Yield those of each counted node.

    Each number of a result is a sum of as many products as the node's name says: of a convolution
    one for each weight of its filter, of a product of matrices one for each column of the first.
    """
    for node in model.graph.node:
        if node.op_type in _COUNTED:
            first, second, result = (shapes[name] for name in (*node.input[:2], node.output[0]))
            match node.op_type:
                case "Conv":
                    yield math.prod(result) * math.prod(second[1:])
                case "ConvTranspose":
                    yield math.prod(first) * math.prod(second[1:])
                case "Gemm":
                    yield math.prod(first) * result[1]
                case _:
                    yield math.prod(result) * first[-1]


@contextmanager
def _refusing(problem: str) -> Iterator[None]:
    try:
        yield
    # ONNX Runtime's errors have no class of their own in common.
    except Exception as error:  # noqa: BLE001
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
        raise UnusableModelError(f"{problem} ({reason}); export it again") from None
