"""Inspects a user's ONNX file by running it once, and counts its multiply-accumulates.

Runs inside a worker only.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from simx.exporter.own_models.described import Inspect, Inspected
from simx.exporter.own_models.graph import OwnGraph, UnusableModelError
from simx.exporter.verification.outputs import session_options
from simx.models.backbone import OWN_WEIGHTS, Backbone, ByEmbedding, ModelFile
from simx.workers.connection import Connection

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

_LONGEST_NAME = 80

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
        reply = Inspected(_described(request))
    except UnusableModelError as error:
        reply = Inspected(problem=str(error))
    connection.send(reply)


def _described(request: Inspect) -> Backbone:
    path, preset, layout = Path(request.path), request.input.preset, request.input.layout
    graph = OwnGraph(path, preset.crop, layout)
    walk = graph.walk
    floats = (each for each in walk.constants.values() if each.data_type in _FLOATS)
    image = np.zeros((1, 3, preset.crop, preset.crop), np.float32)
    embedding, shapes = _run_once(graph.model, image)
    if embedding.ndim != 2 or len(embedding) != 1:  # noqa: PLR2004 - picture and component
        raise UnusableModelError(
            f"gives {list(embedding.shape)} for one picture, not [1, D]; export it for embeddings"
        )
    dim = embedding.shape[1]
    gmacs = sum(_multiply_accumulates(graph.model, shapes)) / 1e9
    return Backbone(
        # Names a folder, fits a glob and a table, and has no other characters.
        model=_UNSAFE.sub("_", path.stem).strip("._-")[:_LONGEST_NAME] or "model",
        weights=OWN_WEIGHTS,
        default=False,
        family="own",
        gflops=gmacs,
        params=sum(math.prod(each.dims) for each in floats),
        acc1=None,
        acc5=None,
        file_size=graph.bytes / 2**20,
        license=None,
        url="",
        preset=preset,
        embedding_dims=ByEmbedding(pooled=dim, penultimate=dim, flat=dim),
        embedding_gmacs=ByEmbedding(pooled=gmacs, penultimate=gmacs, flat=gmacs),
        source="onnx",
        file=ModelFile(
            path=request.path,
            sha256=graph.sha256,
            layout=layout,
            single_picture=graph.single_picture,
            is_counted=not any(node.op_type in _NOT_COUNTED for node in walk.nodes),
        ),
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
