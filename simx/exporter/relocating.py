"""Renaming the data file that a graph refers to, in a process that may import onnx."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from simx.results.atomic import write_synced
from simx.workers.spawning import Spawner

_ENTRY = "simx.exporter.relocation:main"
_SECONDS = 300.0


class Relocate(msgspec.Struct, frozen=True):
    """Say what a graph's file would be with its data in files of other names."""

    path: str
    names: dict[str, str]


class Relocated(msgspec.Struct, frozen=True):
    """The content of such a file."""

    graph: bytes


REQUESTS = msgspec.msgpack.Decoder(Relocate)
REPLIES = msgspec.msgpack.Decoder(Relocated)


def relocate(path: Path, names: Mapping[str, str]) -> None:
    """Rewrite a graph's file, given new names by old ones, and see it onto the disk.

    Raises:
        WorkerError: the process that reads it has failed.
        OSError: the file cannot be written.
    """
    with Spawner(_ENTRY).launch() as worker:
        request = Relocate(str(path.resolve()), dict(names))
        reply = worker.request(request, REPLIES, _SECONDS)
    path.unlink()
    write_synced(path, reply.graph)
