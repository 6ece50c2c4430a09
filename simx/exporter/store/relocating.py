"""Rewriting where a graph's data lies, in a process that may import onnx."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from simx.common.atomic import write_synced
from simx.workers.spawning import Spawner

_ENTRY = "simx.exporter.store.relocation:main"
_SECONDS = 300.0


class Relocate(msgspec.Struct, frozen=True, tag=True):
    """Say what a graph's file would be with its data in files of other names."""

    path: str
    names: dict[str, str]


class Split(msgspec.Struct, frozen=True, tag=True):
    """Write a graph's data into a file beside it, and say what its own would then be."""

    path: str
    data: str


class Rewritten(msgspec.Struct, frozen=True):
    """The content of such a file."""

    graph: bytes


REQUESTS = msgspec.msgpack.Decoder(Relocate | Split)
REPLIES = msgspec.msgpack.Decoder(Rewritten)


def relocate(path: Path, names: Mapping[str, str]) -> None:
    """Rewrite a graph's file, given new names of its data files by old ones.

    Raises:
        WorkerError: the process that reads it has failed.
        OSError: the file cannot be written.
    """
    _rewrite(path, Relocate(str(path.resolve()), dict(names)))


def split(path: Path, data: str) -> None:
    """Rewrite a graph's file, which holds its data, as one whose data lies beside it.

    Args:
        path: of the graph.
        data: name of the file that is made for its data.

    Raises:
        WorkerError: the process that reads it has failed.
        OSError: the file cannot be written.
    """
    _rewrite(path, Split(str(path.resolve()), data))


def _rewrite(path: Path, request: Relocate | Split) -> None:
    """Put what a worker makes of a graph in its place, and see it onto the disk."""
    with Spawner(_ENTRY).launch() as worker:
        reply = worker.request(request, REPLIES, _SECONDS)
    path.unlink()
    write_synced(path, reply.graph)
