"""Rewrites in which files a graph's data lies. Imports onnx; runs inside a worker only."""

from pathlib import Path

import onnx
from onnx.external_data_helper import (
    convert_model_to_external_data,
    load_external_data_for_model,
    uses_external_data,
    write_external_data_tensors,
)

from simx.exporter.store.manifest import DATA_FILE
from simx.exporter.store.output_folder import RELOCATION_REQUESTS, Relocated
from simx.workers.connection import Connection

_LEAST_BYTES = 1024
"""Smaller tensors, such as shapes, stay in the graph."""


def main(connection: Connection) -> None:
    """Run a relocation worker: one request, one answer."""
    request = connection.receive(RELOCATION_REQUESTS)
    path = Path(request.path)
    model = onnx.load(path, load_external_data=False)
    if any(map(uses_external_data, model.graph.initializer)):
        for tensor in model.graph.initializer:
            for field in tensor.external_data:
                if field.key == "location":
                    field.value = request.names[field.value]
        connection.send(Relocated(model.SerializeToString()))
    else:
        connection.send(Relocated(_divided(model, path, request.names[DATA_FILE])))


def _divided(model: onnx.ModelProto, path: Path, data: str) -> bytes:
    """Write a graph's data into a file beside it, and return the graph that refers to that file."""
    before = _values(model)
    convert_model_to_external_data(model, location=data, size_threshold=_LEAST_BYTES)
    graph: bytes = write_external_data_tensors(model, str(path.parent)).SerializeToString()
    # onnx makes the file readable for its owner only.
    (path.parent / data).chmod(path.stat().st_mode)
    again = onnx.load_model_from_string(graph)
    load_external_data_for_model(again, str(path.parent))
    if _values(again) != before:
        raise ValueError(f"{data} does not hold the data of {path.name}")
    return graph


def _values(model: onnx.ModelProto) -> dict[str, bytes]:
    return {tensor.name: tensor.raw_data for tensor in model.graph.initializer}
