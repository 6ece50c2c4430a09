"""The process that renames the data file a graph refers to; the data itself is not touched.

Imports onnx; runs inside a worker only.
"""

from pathlib import Path

import onnx

from simx.exporter.relocating import REQUESTS, Relocated
from simx.workers.connection import Connection

_LOCATION = "location"


def main(connection: Connection) -> None:
    """Run a relocation worker: one request, one answer."""
    request = connection.receive(REQUESTS)
    connection.send(Relocated(relocated(Path(request.path), request.names)))


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
