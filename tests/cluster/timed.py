"""A backend of known times for nodes, whose calls say where and when they were; and its store.

Each call adds a line to a file of its process: node, backbone, begin and end in nanoseconds.
"""

import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simx.exporter.store.cache_key import export_key
from simx.exporter.store.entry import Entry, record_of
from simx.exporter.store.manifest import VERIFICATION_FILE, ExportIdentity
from simx.exporter.store.remote import opened_store
from simx.exporter.verification.reference import Reference
from simx.models.backbone import PRECISIONS, Backbone
from simx.models.catalogue import load
from simx.runner.backends.contract import Array, Runtime, Task
from simx.runner.backends.registry import BackendSpec
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection
from tests.runner.fakes import FakeBackend, FakeRuntime, embed, entry_in, reference

NODE, LOG, SLOWNESS = "SIMX_TEST_NODE", "SIMX_TEST_LOG", "SIMX_TEST_SLOWNESS"
"""Variables: the name of a node, the folder of the files, and how many times as long as on other
nodes a canary takes."""

CANARY_SECONDS = 0.004
"""So long that what else this machine does is little of it."""

SIDE = 16
"""Of the corner of a picture that counts."""

SPEC = BackendSpec(
    name="timed",
    entry="tests.cluster.timed:main",
    package="numpy",
    install="",
    providers=None,
    executes="graph",
    precisions=PRECISIONS,
)

BACKBONES = tuple(each for each in load() if each.default)


def seconds_of(model: str) -> float:
    """Return what a call of a backbone takes: 3 to 10 ms."""
    return 0.003 + 0.001 * (next(n for n, each in enumerate(BACKBONES) if each.model == model) % 8)


class Call(msgspec.Struct, frozen=True):
    """One call."""

    node: str
    model: str
    begun: int
    ended: int


class TimedBackend(FakeBackend):
    """Is right, and takes a known time."""

    def __init__(self, model: str) -> None:
        super().__init__(seconds_of(model))
        self._model = model
        self._node = os.environ.get(NODE, "here")
        folder = os.environ.get(LOG)
        self._log = Path(folder, f"{os.getpid()}.jsonl") if folder else None

    def canary(self) -> None:
        time.sleep(CANARY_SECONDS * float(os.environ.get(SLOWNESS, "1")))

    def forward(self, image: Any) -> Any:
        begun = time.time_ns()
        corner: Array = image[:, :, :SIDE, :SIDE]
        time.sleep(self._seconds)
        answer = embed(corner)
        if self._log:
            call = Call(self._node, self._model, begun, time.time_ns())
            with self._log.open("ab") as file:
                file.write(msgspec.json.encode(call) + b"\n")
        return answer


class TimedRuntime(FakeRuntime):
    """Creates it."""

    def create(self, task: Task) -> TimedBackend:
        return TimedBackend(task.backbone.model)


def main(connection: Connection) -> None:
    runtime: Runtime = TimedRuntime("right")
    serve(connection, runtime)


def calls(folder: Path) -> list[Call]:
    """Return every call that was logged; the last line of a process that was killed may be cut."""
    lines = (
        line for path in folder.glob("*.jsonl") for line in path.read_bytes().split(b"\n")[:-1]
    )
    return [msgspec.json.decode(line, type=Call) for line in lines]


def overlaps(found: list[Call]) -> list[tuple[Call, Call]]:
    """Return calls that were on one node at the same time."""
    ordered = sorted(found, key=lambda call: (call.node, call.begun))
    return [
        (one, other)
        for one, other in pairwise(ordered)
        if one.node == other.node and other.begun < one.ended
    ]


def fill(root: Path | str, backbones: tuple[Backbone, ...]) -> None:
    """Put an export for each backbone into a store, which the backend can run."""
    store = opened_store(root)
    for backbone in backbones:
        with store.workspace() as workspace:
            folder = workspace / "entry"
            folder.mkdir()
            manifest = entry_in(folder).manifest
            pixels = reference().pixels
            inputs = Reference(pixels, np.empty((0, 0), np.float32)).inputs(backbone.preset)
            Reference(pixels, embed(inputs)).save(folder / VERIFICATION_FILE)
            files = manifest.files | {VERIFICATION_FILE: record_of(folder / VERIFICATION_FILE)}
            weights = workspace / "weights"
            weights.write_bytes(b"graph")
            identity = ExportIdentity(
                model=backbone.model,
                weights=backbone.weights,
                embedding="pooled",
                precision="fp32",
                weights_origin="random",
            )
            manifest = msgspec.structs.replace(
                manifest, identity=identity, preset=backbone.preset, files=files
            )
            key = export_key(backbone, "pooled", manifest.source)
            assert isinstance(store.publish(folder, weights, manifest, key), Entry)
