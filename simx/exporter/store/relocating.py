"""Rewriting where a graph's data lies, in a process that may import onnx."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from simx.common.atomic import write_synced
from simx.workers.spawning import Spawner

_ENTRY = "simx.exporter.store.relocation:main"
_SECONDS = 300.0


class Relocate(msgspec.Struct, frozen=True):
    """Return what a graph's file is when its files have other names; see ``relocate``."""

    path: str
    names: dict[str, str]


class Relocated(msgspec.Struct, frozen=True):
    """The content of such a file."""

    graph: bytes


REQUESTS = msgspec.msgpack.Decoder(Relocate)
REPLIES = msgspec.msgpack.Decoder(Relocated)


def relocate(path: Path, names: Mapping[str, str]) -> None:
    """Rewrite a graph's file so that its data lies in files of other names.

    The data of a graph that holds it itself is written into a new file beside it.

    Args:
        path: of the graph.
        names: the new name of each of the graph's files, by the name that it has in the store.

    Raises:
        WorkerError: the process that reads it has failed.
        OSError: the file cannot be written.
    """
    with Spawner(_ENTRY).launch() as worker:
        reply = worker.request(Relocate(str(path.resolve()), dict(names)), REPLIES, _SECONDS)
    path.unlink()
    write_synced(path, reply.graph)
