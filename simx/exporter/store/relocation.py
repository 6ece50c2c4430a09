"""The process that rewrites where a graph's data lies; the data itself stays the same.

Imports onnx; runs inside a worker only.
"""

from pathlib import Path

import onnx
from onnx.external_data_helper import (
    convert_model_to_external_data,
    load_external_data_for_model,
    write_external_data_tensors,
)

from simx.exporter.store.relocating import REQUESTS, Relocate, Rewritten
from simx.workers.connection import Connection

_LOCATION = "location"

_LEAST_BYTES = 1024
"""Of a tensor that is put beside the graph: shapes and the like stay in it, to be read there."""


def main(connection: Connection) -> None:
    """Run a relocation worker: one request, one answer."""
    request = connection.receive(REQUESTS)
    path = Path(request.path)
    if isinstance(request, Relocate):
        graph = relocated(path, request.names)
    else:
        graph = divided(path, request.data)
    connection.send(Rewritten(graph))


def relocated(path: Path, names: dict[str, str]) -> bytes:
    """Return a graph's file with its data in files of other names.

    Raises:
        KeyError: a tensor refers to a file that has no new name.
    """
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for field in tensor.external_data:
            if field.key == _LOCATION:
                field.value = names[field.value]
    graph: bytes = model.SerializeToString()
    return graph


def divided(path: Path, data: str) -> bytes:
    """Write a graph's data into a file beside it, and return the graph's own that refers to it.

    Raises:
        ValueError: read again, the data is another.
        OSError: the file cannot be written.
    """
    model = onnx.load(path)
    before = _values(model)
    convert_model_to_external_data(model, location=data, size_threshold=_LEAST_BYTES)
    graph: bytes = write_external_data_tensors(model, str(path.parent)).SerializeToString()
    # onnx lets nobody else read what it writes; whoever may read the graph needs its data.
    (path.parent / data).chmod(path.stat().st_mode)
    again = onnx.load_model_from_string(graph)
    load_external_data_for_model(again, str(path.parent))
    if _values(again) != before:
        raise ValueError(f"{data} does not hold the data of {path.name}")
    return graph


def _values(model: onnx.ModelProto) -> dict[str, bytes]:
    return {tensor.name: tensor.raw_data for tensor in model.graph.initializer}
