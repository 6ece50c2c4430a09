"""The worker's side of a cell: loads one network and takes the blocks it is asked for.

Runs inside a worker process with whichever runtime it is given; imports none itself.
"""

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import threadpoolctl

from simx.exporter.reference import load_reference
from simx.images.decoding import decode
from simx.images.preprocessing import preprocess
from simx.models.backbone import Preset
from simx.results.schema import IMAGES, Block, Image, Scope
from simx.results.surroundings import Memory, ThreadPool
from simx.runner.backend import Array, Backend, BackendError, Placed, Runtime
from simx.runner.mapped import mapped_libraries
from simx.runner.messages import (
    REQUESTS,
    Describe,
    Described,
    Failed,
    Measure,
    MeasureCanary,
    Measured,
    MeasuredCanary,
    Prepare,
    Prepared,
    Probe,
    ScopedBlock,
    Usable,
    WarmedUp,
    WarmUp,
    Weighed,
    WeighMemory,
    pack,
)
from simx.runner.placement import CPU
from simx.runner.system import forget_peak, resident_bytes
from simx.runner.timing import CLOCK, take_block
from simx.runner.warmup import PLAN, warm_up
from simx.workers.connection import Connection

# Before any worker is forked: otherwise each of them would import the decoders for its first
# picture.
PIL.Image.init()

Reply = Described | Usable | Weighed | Prepared | WarmedUp | Measured | MeasuredCanary | Failed


def serve(connection: Connection, runtime: Runtime) -> None:
    """Answer requests until the parent closes the connection."""
    cell: Cell | None = None
    while True:
        try:
            request = connection.receive(REQUESTS)
        except EOFError:
            return
        try:
            match request:
                case Describe() | Probe() | WeighMemory():
                    reply: Reply = _of_the_runtime(runtime, request)
                case Prepare():
                    cell, reply = _prepare(runtime, request)
                case WarmUp() if cell:
                    reply = WarmedUp(warm_up(cell.warming_block))
                case Measure() if cell:
                    reply = cell.measure(request)
                case MeasureCanary() if cell:
                    reply = MeasuredCanary(
                        take_block(cell.backend.canary, request.plan, request.round)
                    )
                case _:
                    reply = Failed("prepare", "nothing is loaded yet")
        # Whatever a runtime raises is this cell's failure and must not end the sweep.
        except Exception as error:  # noqa: BLE001
            reply = Failed(_stage(request), _reason(error))
        connection.send(reply)


def _of_the_runtime(runtime: Runtime, request: Describe | Probe | WeighMemory) -> Reply:
    """Answer what leaves no network loaded."""
    match request:
        case Describe():
            return Described(runtime.describe())
        case Probe():
            proof = runtime.probe(request.provider, request.options)
            return Usable(proof, _libraries_of(request.provider))
        case WeighMemory():
            return Weighed(_weigh(runtime, request))


class Cell:
    """One loaded network with its inputs in place."""

    def __init__(
        self, backend: Backend, inputs: Array, preset: Preset, pictures: dict[Image, Path]
    ) -> None:
        self.backend = backend
        self._hosted = [inputs[row : row + 1] for row in range(len(inputs))]
        self._placed = [backend.place(array) for array in self._hosted]
        self._preset = preset
        self._pictures = pictures
        self._embeddings: dict[Image, Placed] = {}

    def embed_pictures(self) -> tuple[Array, str]:
        """Embed the four pictures, keep their embeddings for ``similarity``, and hash the inputs.

        Returns:
            Embeddings [4, D] in the order of ``IMAGES``, and the SHA-256 of the four inputs.
        """
        digest = hashlib.sha256()
        for image in IMAGES:
            array = preprocess(decode(self._pictures[image]), self._preset)
            digest.update(array.tobytes())
            self._embeddings[image] = self.backend.forward(self.backend.place(array))
        rows = [self.backend.fetch(self._embeddings[image]) for image in IMAGES]
        return np.concatenate(rows), digest.hexdigest()

    def measure(self, request: Measure) -> Measured:
        """Take one block."""
        match request.scope:
            case "forward":
                return self._rotating(request, self.backend.forward, self._placed)
            case "host":
                return self._rotating(request, self._host, self._hosted)
            case "pipeline":
                return self._pipeline(request)
            case "similarity":
                return self._similarity(request)
            case _:
                raise BackendError(f"scope {request.scope} is not measured by blocks")

    def warming_block(self, number: int) -> Block:
        """Take one short block of ``forward``; its inputs rotate from call to call."""
        inputs = itertools.cycle(self._placed)
        return take_block(lambda: self.backend.forward(next(inputs)), PLAN, number)

    def _host(self, array: Array) -> Array:
        return self.backend.fetch(self.backend.forward(self.backend.place(array)))

    def _rotating(
        self, request: Measure, run: Callable[[Placed], Placed], inputs: list[Placed]
    ) -> Measured:
        """Time calls whose inputs rotate, so that a cached answer shows in the outputs."""
        rows = itertools.cycle(range(len(inputs)))
        last: dict[int, Placed] = {}

        def call() -> None:
            row = next(rows)
            last[row] = run(inputs[row])

        block = take_block(call, request.plan, request.round, on_start=last.clear)
        fetch = self.backend.fetch if request.scope == "forward" else np.asarray
        outputs = np.concatenate([fetch(last[row]) for row in sorted(last)])
        blocks = (ScopedBlock(request.scope, None, block),)
        return Measured(blocks=blocks, rows=tuple(sorted(last)), outputs=pack(outputs))

    def _pipeline(self, request: Measure) -> Measured:
        assert request.image is not None  # noqa: S101 - a pipeline without a picture is our bug
        pipeline = _Pipeline(self.backend, self._preset, self._pictures[request.image])
        whole = take_block(
            pipeline,
            request.plan,
            request.round,
            on_start=pipeline.reset,
            on_entry=pipeline.keep_entry,
        )
        blocks = [ScopedBlock("pipeline", request.image, whole)]
        for scope, ns in pipeline.stages.items():
            stage = Block(round=whole.round, calls=whole.calls, ns=tuple(ns), noise=whole.noise)
            blocks.append(ScopedBlock(scope, request.image, stage))
        return Measured(blocks=tuple(blocks), outputs=pack(pipeline.output))

    def _similarity(self, request: Measure) -> Measured:
        assert request.image is not None  # noqa: S101 - a pair without a picture is our bug
        anchor, other = self._embeddings["anchor"], self._embeddings[request.image]
        cosines = [0.0]

        def call() -> None:
            cosines[0] = self.backend.similarity(anchor, other)

        block = take_block(call, request.plan, request.round)
        blocks = (ScopedBlock("similarity", request.image, block),)
        return Measured(blocks=blocks, cosine=cosines[0])


class _Pipeline:
    """File to embedding, with a running sum of each stage's time."""

    def __init__(self, backend: Backend, preset: Preset, picture: Path) -> None:
        self._backend = backend
        self._preset = preset
        self._picture = picture
        self._sums = [0, 0, 0]
        self.output: Array = np.empty((0, 0), dtype=np.float32)
        self.stages: dict[Scope, list[int]] = {
            "pipeline.decode": [],
            "pipeline.preprocess": [],
            "pipeline.forward": [],
        }

    def __call__(self) -> None:
        backend = self._backend
        begun = CLOCK()
        picture = decode(self._picture)
        decoded = CLOCK()
        array = preprocess(picture, self._preset)
        preprocessed = CLOCK()
        self.output = backend.fetch(backend.forward(backend.place(array)))
        done = CLOCK()
        self._sums[0] += decoded - begun
        self._sums[1] += preprocessed - decoded
        self._sums[2] += done - preprocessed

    def keep_entry(self) -> None:
        """Note the stage times of the calls since the last entry."""
        for ns, total in zip(self.stages.values(), self._sums, strict=True):
            ns.append(total)
        self.reset()

    def reset(self) -> None:
        """Forget the calls made so far."""
        self._sums = [0, 0, 0]


def _prepare(runtime: Runtime, request: Prepare) -> tuple[Cell, Prepared]:
    preset = request.task.backbone.preset
    inputs = load_reference(Path(request.reference_path)).inputs(preset)
    begun = CLOCK()
    backend = runtime.create(request.task)
    created = CLOCK()
    _embed_once(backend, inputs[:1])
    called = CLOCK()
    answers = [_embed_once(backend, inputs[row : row + 1]) for row in range(len(inputs))]
    cell = Cell(backend, inputs, preset, {i: Path(p) for i, p in request.pictures.items()})
    embeddings, digest = cell.embed_pictures()
    prepared = Prepared(
        create_ns=created - begun,
        first_call_ns=called - created,
        # The shortest: one disturbed call must not make a giant of a small network.
        call_ns=min(ns for _, ns in answers),
        facts=backend.facts,
        thread_pools=_thread_pools(),
        libraries=_libraries_of(request.task.provider),
        verification=pack(np.concatenate([embedding for embedding, _ in answers])),
        embeddings=pack(embeddings),
        input_sha256=digest,
    )
    return cell, prepared


def _embed_once(backend: Backend, array: Array) -> tuple[Array, int]:
    """Return the embedding of one input, and the nanoseconds from array to array."""
    begun = CLOCK()
    embedding = backend.fetch(backend.forward(backend.place(array)))
    return embedding, CLOCK() - begun


def _weigh(runtime: Runtime, request: WeighMemory) -> Memory | None:
    inputs = load_reference(Path(request.reference_path)).inputs(request.task.backbone.preset)
    forget_peak()
    before = resident_bytes(peak=False)
    _embed_once(runtime.create(request.task), inputs[:1])
    peak = resident_bytes(peak=True)
    return None if before is None or peak is None else Memory(before=before, peak=peak)


def _thread_pools() -> tuple[ThreadPool, ...]:
    """Return the thread pools of what is loaded; their files' places are nobody's business."""
    return tuple(
        ThreadPool(
            api=pool["user_api"],
            library=pool["prefix"],
            version=pool["version"],
            threads=pool["num_threads"],
        )
        for pool in threadpoolctl.threadpool_info()
    )


def _libraries_of(provider: str) -> dict[str, str]:
    """Return what was loaded for a provider; the processor's own needs nothing of the kind."""
    return {} if provider == CPU else mapped_libraries()


def _stage(request: object) -> str:
    return request.scope if isinstance(request, Measure) else type(request).__name__.lower()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else "no message"
    return text if isinstance(error, BackendError) else f"{type(error).__name__}: {text}"
