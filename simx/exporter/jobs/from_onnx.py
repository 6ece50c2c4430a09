"""An export of a user's ONNX file: it is copied, and its answers are computed without optimisation.

Imports onnx and onnxruntime, but not torch; runs inside an export worker only.
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from simx.common.errors import InputError
from simx.exporter.jobs.job import Made, Stage, answer
from simx.exporter.jobs.plan import ExportRequest
from simx.exporter.own_models.graph import OwnGraph, UnusableModelError
from simx.exporter.own_models.inspection import plain_session
from simx.exporter.store.entry import record_of
from simx.exporter.store.manifest import MODEL_FILE, VERIFICATION_FILE
from simx.exporter.store.tensors import write_arrays
from simx.exporter.verification.outputs import VerificationError, require_agreement
from simx.exporter.verification.pictures import verification_pixels
from simx.exporter.verification.reference import Reference
from simx.images.normalisation import normalise
from simx.models.backbone import ModelFile
from simx.results.statistics.parity import FP32
from simx.workers.connection import Connection

SMALL_GMACS = 0.5
"""1e9 multiply-accumulates up to which ONNX's reference evaluator, in numpy, takes seconds."""


def main(connection: Connection) -> None:
    """Run an export worker: one request, one answer."""
    answer(connection, make)


def make(request: ExportRequest, stage: Stage) -> Made:
    """Write the graph, its answers without optimisation, and its weights.

    Raises:
        InputError: the file is not as it was when it was inspected.
        VerificationError: ONNX's reference evaluator computes something else.
        Exception: the libraries' own errors; the stage that was named last has failed.
    """
    order, folder, state_path = request.order, Path(request.folder), Path(request.state_path)
    backbone = order.backbone
    assert backbone.file is not None  # noqa: S101 - this entry is for such backbones
    stage("weights")
    graph = _unchanged(backbone.file, backbone.preset.crop)
    (folder / MODEL_FILE).write_bytes(graph.content)
    weights = {
        name: numpy_helper.to_array(tensor)
        for name, tensor in graph.walk.constants.items()
        if tensor.data_type == TensorProto.FLOAT
    }
    write_arrays(weights, state_path)

    stage("reference")
    pixels = verification_pixels(backbone)
    inputs = normalise(pixels, backbone.preset)
    name = graph.model.graph.input[0].name
    session = plain_session(graph.content, request.threads)
    rows = [session.run(None, {name: each[np.newaxis]})[0] for each in inputs]
    reference = Reference(pixels, np.concatenate(rows))
    if not np.isfinite(reference.embeddings).all():
        raise VerificationError("its embedding of a picture is not finite")
    if backbone.embedding_gmacs.pooled <= SMALL_GMACS:
        evaluated: Any = ReferenceEvaluator(graph.model).run(None, {name: inputs[:1]})
        condition = "by ONNX's reference evaluator, "
        require_agreement({1: evaluated[0]}, reference.embeddings, FP32, condition)
    reference.save(folder / VERIFICATION_FILE)
    return Made(reference=reference, expected=None, weights=record_of(state_path))


def _unchanged(file: ModelFile, side: int) -> OwnGraph:
    try:
        graph = OwnGraph(Path(file.path), side, file.layout)
    except UnusableModelError as error:
        raise InputError(f"model {file.path}: {error}") from None
    if graph.sha256 != file.sha256:
        raise InputError(f"model {file.path}: has changed meanwhile; give the command again")
    return graph
