"""Backends that need no runtime: one that is right, and ones that are wrong in a chosen way."""

import ctypes
import hashlib
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args
from unittest.mock import patch

import msgspec
import numpy as np

from simx.exporter.jobs.plan import NotExported
from simx.exporter.store.cache_key import RECIPE
from simx.exporter.store.entry import Entry, record_of
from simx.exporter.store.manifest import MODEL_FILE, VERIFICATION_FILE, ExportIdentity, Manifest
from simx.exporter.verification.reference import Reference
from simx.models.backbone import (
    OWN_WEIGHTS,
    PRECISIONS,
    Backbone,
    EmbeddingDims,
    EmbeddingGmacs,
    ModelFile,
    Precision,
    Preset,
)
from simx.results.schema.kernels import Kernel, Kernels
from simx.results.schema.report import Parity
from simx.runner.backends.contract import (
    Array,
    BackendError,
    BackendFacts,
    Runtime,
    RuntimeFacts,
    Task,
)
from simx.runner.backends.registry import BackendSpec, Variant
from simx.runner.bench.targets import Target
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection
from simx.workers.worker import WorkerMain

DIM = 8
CUDA = "CUDAExecutionProvider"
PRESET = Preset(
    crop=16, resize=18, interpolation="bilinear", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
)
BACKBONE = Backbone(
    model="fakenet",
    weights="IMAGENET1K_V1",
    default=True,
    family="fake",
    gflops=0.5,
    params=1000,
    acc1=70.0,
    acc5=90.0,
    file_size=1.0,
    license=None,
    url="https://example.invalid/fakenet-00000000.pth",
    preset=PRESET,
    embedding_dims=EmbeddingDims(pooled=DIM, penultimate=DIM, flat=DIM),
    embedding_gmacs=EmbeddingGmacs(pooled=0.4, penultimate=0.4, flat=0.4),
)

OWN = msgspec.structs.replace(
    BACKBONE,
    model="mine",
    weights=OWN_WEIGHTS,
    default=False,
    source="onnx",
    file=ModelFile(
        path="/home/somebody/mine.onnx",
        sha256="ab" * 32,
        layout="NCHW",
        single_picture=False,
        is_counted=True,
    ),
)
"""A model of the user's own."""


def embed(images: Array) -> Array:
    """The network all fakes compute: a fixed random projection."""
    flat = images.reshape(len(images), -1)
    matrix = np.random.default_rng(7).standard_normal((flat.shape[1], DIM), dtype=np.float32)
    result: Array = (flat @ matrix).astype(np.float32)
    return result


class FakeBackend:
    """Computes the fixed projection, and keeps the contract."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    @property
    def facts(self) -> BackendFacts:
        return BackendFacts(
            placement={"CPUExecutionProvider": 3}, settings={"fake": "yes"}, resident=False
        )

    def place(self, array: Array) -> Any:
        return array

    def forward(self, image: Any) -> Any:
        if self._seconds:
            time.sleep(self._seconds)
        return embed(image)

    def fetch(self, embedding: Any) -> Array:
        array: Array = embedding
        return array

    def similarity(self, left: Any, right: Any) -> float:
        product = float((left * right).sum())
        return product / float(np.linalg.norm(left) * np.linalg.norm(right))

    def canary(self) -> None:
        np.ones((4, 4)) @ np.ones((4, 4))

    def large_product(self) -> Callable[[], object]:
        return lambda: np.ones((64, 64)) @ np.ones((64, 64))

    def timed_by_device(self, image: Any) -> int | None:  # noqa: ARG002 - it has no device
        return None

    def peak_device_bytes(self) -> int | None:
        return None

    def own_error(self, inputs: Sequence[Array]) -> float | None:  # noqa: ARG002 - part of the contract
        return None


class BusyBackend(FakeBackend):
    """Is right, on a machine that is disturbed for a while after the first canary."""

    _QUIET, _DISTURBED = 8, 60

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def canary(self) -> None:
        self._calls += 1
        disturbed = self._QUIET < self._calls <= self._DISTURBED
        time.sleep(0.02 if disturbed else 0.004)


class GreedyBackend(FakeBackend):
    """Computes with three threads, however many it should have."""

    def large_product(self) -> Callable[[], object]:
        pool = ThreadPoolExecutor(3)
        # A hash of many bytes is computed without Python's lock.
        return lambda: list(pool.map(hashlib.sha256, [bytes(2**24)] * 3))


class CachedBackend(FakeBackend):
    """Answers every timed call with what it computed first."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0
        self._first: Any = None

    def forward(self, image: Any) -> Any:
        self._calls += 1
        if self._calls == 1:
            self._first = embed(image)
        # The answers before anything is timed are right.
        return embed(image) if self._calls < 12 else self._first


class DeviceBackend(FakeBackend):
    """Is right, and has a memory of its own: what is placed there is no array."""

    @property
    def facts(self) -> BackendFacts:
        return msgspec.structs.replace(super().facts, resident=True)

    def place(self, array: Array) -> Any:
        return OnDevice(array.copy())

    def forward(self, image: Any) -> Any:
        return OnDevice(embed(image.values))

    def fetch(self, embedding: Any) -> Array:
        array: Array = embedding.values.copy()
        return array

    def similarity(self, left: Any, right: Any) -> float:
        return super().similarity(left.values, right.values)


class OnDevice:
    """An array on a device, which exists from a moment on."""

    def __init__(self, values: Array, seconds: float = 0.0) -> None:
        self._values = values
        self._exists_at = time.monotonic() + seconds

    @property
    def values(self) -> Array:
        # Even a sleep of no time gives the core away: it would take longer than the network.
        if (left := self._exists_at - time.monotonic()) > 0:
            time.sleep(left)
        return self._values


class EventsBackend(DeviceBackend):
    """Is right, and has events that are right, too."""

    def timed_by_device(self, image: Any) -> int | None:
        begun = time.perf_counter_ns()
        self.forward(image)
        return time.perf_counter_ns() - begun


class EarlyBackend(DeviceBackend):
    """Stops waiting before the device has finished, as its events tell, and hides it otherwise."""

    def timed_by_device(self, image: Any) -> int | None:
        self.forward(image)
        return 5_000_000_000


class AsynchronousBackend(DeviceBackend):
    """Is right, and returns before its embeddings exist; whoever looks at one waits for it."""

    def forward(self, image: Any) -> Any:
        return OnDevice(embed(image.values), seconds=0.1)


class ConstantBackend(FakeBackend):
    """Returns the same vector for every picture, from the start."""

    def forward(self, image: Any) -> Any:
        return np.ones((len(image), DIM), dtype=np.float32)


class TruncatedBackend(FakeBackend):
    """Returns half of the embedding."""

    def forward(self, image: Any) -> Any:
        return embed(image)[:, : DIM // 2]


class RoundedBackend(FakeBackend):
    """Rounds what it multiplies to some ten bits."""

    def forward(self, image: Any) -> Any:
        return embed(image) * np.array([1, 1.001] * (DIM // 2), dtype=np.float32)


class LeakingBackend(FakeBackend):
    """Is right, and keeps a little memory of every call."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Array] = []

    def forward(self, image: Any) -> Any:
        self._kept.append(np.ones(2**14, np.float64))
        return embed(image)


class MortalBackend(FakeBackend):
    """Is right; of several processes, the second one that comes so far is killed."""

    _CALLS = 40

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def forward(self, image: Any) -> Any:
        self._calls += 1
        if self._calls == self._CALLS:
            try:
                os.close(os.open(Path(tempfile.gettempdir(), "one"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                os.kill(os.getpid(), signal.SIGKILL)
        return embed(image)


class SmallBackend(FakeBackend):
    """Is right for one picture at a time, and has no memory for more."""

    def forward(self, image: Any) -> Any:
        if len(image) > 1:
            raise BackendError("there is no room for a batch")
        return embed(image)


class MixingBackend(FakeBackend):
    """Is right for one picture at a time, and gives those of a batch in another order."""

    def forward(self, image: Any) -> Any:
        return embed(image)[::-1]


class DoubtfulBackend(FakeBackend):
    """Gives the right answers, which are far from its own in float64."""

    def own_error(self, inputs: Sequence[Array]) -> float | None:
        return 1.57e-2 if len(inputs) else None


class AmplifyingBackend(DoubtfulBackend, RoundedBackend):
    """Gives answers that are off by what it rounds."""


class PreciseBackend(FakeBackend):
    """Gives the right answers, also in float64."""

    def own_error(self, inputs: Sequence[Array]) -> float | None:
        return 1e-7 if len(inputs) else None


class NanBackend(FakeBackend):
    """Returns an embedding that is not finite."""

    def forward(self, image: Any) -> Any:
        return embed(image) * np.float32("nan")


class WrongSimilarityBackend(FakeBackend):
    """Is right but for its cosine."""

    def similarity(self, left: Any, right: Any) -> float:
        return super().similarity(left, right) + 0.01


class SharingBackend(FakeBackend):
    """Is right, and leaves one of its nodes to another provider."""

    @property
    def facts(self) -> BackendFacts:
        placement = {"CPUExecutionProvider": 2, "OtherExecutionProvider": 1}
        return BackendFacts(placement=placement, settings={}, resident=False)


class ShiftingBackend(FakeBackend):
    """Leaves some of its nodes to another provider, and not always as many."""

    @property
    def facts(self) -> BackendFacts:
        placement = {"CPUExecutionProvider": os.getpid(), "OtherExecutionProvider": 1}
        return BackendFacts(placement=placement, settings={}, resident=False)


class DyingBackend(FakeBackend):
    """Takes the process down at the first canary, after answering everything before."""

    def canary(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class StuckBackend(FakeBackend):
    """Answers everything before the first canary, and then never again, whatever it is sent."""

    def canary(self) -> None:
        os.write(2, b"\x1b[31mwaiting for /home/somebody/device\n")
        ctypes.CDLL(None).sleep(3600)


def tunable_backend(variants: Sequence[str]) -> FakeBackend:
    """Return a backend whose variants make it quick, wrong, or greedy for threads."""
    if "wrong" in variants:
        return ConstantBackend()
    if "greedy" in variants:
        return GreedyBackend()
    return FakeBackend(seconds=0.0 if "quick" in variants else 0.005)


class FakeRuntime(Runtime):
    """Creates whichever fake the task's model path names."""

    KINDS = {  # noqa: RUF012 - a table of tests
        "right": FakeBackend,
        "slow": lambda: FakeBackend(seconds=0.03),
        "denormal": FakeBackend,
        "busy": BusyBackend,
        "greedy": GreedyBackend,
        "cached": CachedBackend,
        "device": DeviceBackend,
        "events": EventsBackend,
        "early": EarlyBackend,
        "asynchronous": AsynchronousBackend,
        "constant": ConstantBackend,
        "truncated": TruncatedBackend,
        "rounded": RoundedBackend,
        "small": SmallBackend,
        "leaking": LeakingBackend,
        "mortal": MortalBackend,
        "mixing": MixingBackend,
        "doubtful": DoubtfulBackend,
        "amplifying": AmplifyingBackend,
        "precise": PreciseBackend,
        "nan": NanBackend,
        "wrong_similarity": WrongSimilarityBackend,
        "dying": DyingBackend,
        "sharing": SharingBackend,
        "shifting": ShiftingBackend,
        "stuck": StuckBackend,
    }

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def create(self, task: Task) -> FakeBackend:
        if self._kind == "refusing":
            raise BackendError(f"no network for {task.backbone.model} today")
        if self._kind == "tunable":
            return tunable_backend(task.variants)
        if self._kind == "fragile":
            return FragileBackend(task.backbone.model)
        return self.KINDS[self._kind]()

    def profile(self, task: Task, image: Array, calls: int) -> Kernels:
        denormal = 1e4 if "flush-denormals" in task.variants else 3e4
        ns = {"right": 1e4, "slow": 3e7, "denormal": denormal}.get(self._kind)
        if ns is None:
            return super().profile(task, image, calls)
        return (Kernel(operator="MatMul", kind="matrix products", modules=("body",), ns=ns),)

    def describe(self) -> RuntimeFacts:
        return RuntimeFacts(providers=("CPUExecutionProvider", "LyingExecutionProvider"), cuda=None)

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        if options:
            raise BackendError(f"it does not know {options[0]}")
        known = {"CPUExecutionProvider"} | ({CUDA} if self._kind == "device" else set())
        if provider not in known:
            raise BackendError(f"there is no {provider}")
        return {provider: 1}


def _chance(backbone: str, what: str) -> float:
    """Return a number from 0 to 1 that follows from both names alone."""
    digest = hashlib.sha256(f"{backbone} {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


Fault = Literal["segfault", "abort", "exit", "killed", "hang", "memory"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
STAGES = ("create", "forward", "similarity", "canary")


FRAGILE_SHARE = 0.04
"""Of the backbones that a fragile backend fails on: with one that is right beside it, 2 % of the
cells."""


def fault_of(backbone: str, share: float = FRAGILE_SHARE) -> tuple[Fault, str] | None:
    """Return how, and at which stage, a fragile backend fails on a backbone, if it does."""
    if _chance(backbone, "fails") >= share:
        return None
    stage = STAGES[int(_chance(backbone, "stage") * len(STAGES))]
    return FAULTS[int(_chance(backbone, "fault") * len(FAULTS))], stage


class FragileBackend(FakeBackend):
    """Is right, or comes to a bad end at some point, as the backbone's name has it."""

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self._fault = fault_of(backbone)
        self._at("create")

    def forward(self, image: Any) -> Any:
        self._at("forward")
        return super().forward(image)

    def similarity(self, left: Any, right: Any) -> float:
        self._at("similarity")
        return super().similarity(left, right)

    def canary(self) -> None:
        self._at("canary")
        super().canary()

    def _at(self, stage: str) -> None:
        if self._fault is None or stage != self._fault[1]:
            return
        os.write(2, b"this is the end\n")
        match self._fault[0]:
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "abort":
                os.abort()
            case "exit":
                os._exit(3)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                ctypes.CDLL(None).sleep(3600)
            case "memory":
                resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
                bytearray(2**32)


def _entry(kind: str) -> WorkerMain:
    def main(connection: Connection) -> None:
        serve(connection, FakeRuntime(kind))

    return main


def recordless(connection: Connection) -> None:
    """Serve the real ONNX Runtime as a version that keeps no record of its nodes."""
    from simx.runner.backends.ort import backend  # noqa: PLC0415 - no fake needs the runtime

    with patch.object(backend, "recorded_nodes", return_value=()):
        serve(connection, backend.OrtRuntime())


right = _entry("right")
slow = _entry("slow")
denormal = _entry("denormal")
busy = _entry("busy")
greedy = _entry("greedy")
cached = _entry("cached")
device = _entry("device")
events = _entry("events")
early = _entry("early")
asynchronous = _entry("asynchronous")
constant = _entry("constant")
truncated = _entry("truncated")
rounded = _entry("rounded")
small = _entry("small")
leaking = _entry("leaking")
mortal = _entry("mortal")
mixing = _entry("mixing")
nan = _entry("nan")
doubtful = _entry("doubtful")
amplifying = _entry("amplifying")
precise = _entry("precise")
wrong_similarity = _entry("wrong_similarity")
dying = _entry("dying")
sharing = _entry("sharing")
shifting = _entry("shifting")
stuck = _entry("stuck")
refusing = _entry("refusing")
fragile = _entry("fragile")
tunable = _entry("tunable")


def reference() -> Reference:
    """Return four pictures and the right embeddings of them."""
    pixels = np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    bare = Reference(pixels, np.empty((0, 0), dtype=np.float32))
    return Reference(pixels, embed(bare.inputs(PRESET)))


def entry_in(folder: Path) -> Entry:
    """Write a store entry for the fake network; what is in its model file does not matter."""
    reference().save(folder / VERIFICATION_FILE)
    (folder / MODEL_FILE).write_bytes(b"graph")
    record = record_of(folder / MODEL_FILE)
    manifest = Manifest(
        identity=ExportIdentity(
            model=BACKBONE.model,
            weights=BACKBONE.weights,
            embedding="pooled",
            precision="fp32",
            weights_origin="random",
        ),
        source="seed 0",
        preset=PRESET,
        embedding_dim=DIM,
        parity=Parity(cosine=1.0, relative_l2=0.0),
        verified_batches=(1, 4),
        weights=record,
        files={MODEL_FILE: record, VERIFICATION_FILE: record_of(folder / VERIFICATION_FILE)},
        recipe=RECIPE,
        versions={},
        created="2026-01-01T00:00:00+00:00",
        seconds=1.0,
    )
    return Entry(folder, folder, manifest)


def lacking(precision: Precision, stage: str, reason: str) -> NotExported:
    """Return the failure of an export of the fake network."""
    return NotExported(backbone=BACKBONE, precision=precision, stage=stage, reason=reason)


def target(kind: str, precision: Precision = "fp32") -> Target:
    """Return a target of one of the fakes; its backend's name is its kind."""
    backend = BackendSpec(
        name=kind,
        entry=f"tests.runner.fakes:{kind}",
        package="numpy",
        install="",
        providers=None,
        executes="graph",
        precisions=PRECISIONS,
        known_variants=(Variant(name="flush-denormals", meaning=""),) * (kind == "denormal"),
    )
    return Target(backend, "CPUExecutionProvider", precision)
