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
from simx.results.schema import IMAGES, Block, Image
from simx.results.surroundings import Memory, ThreadPool
from simx.runner.backend import Array, Backend, BackendError, Placed, Runtime
from simx.runner.inputs import RotatingInputs
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
from simx.runner.pairs import Pair
from simx.runner.pipeline import Pipeline
from simx.runner.sampling import Sampler
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
            return Usable(runtime.probe(request.provider, request.options))
        case WeighMemory():
            return Weighed(_weigh(runtime, request))


class Cell:
    """One loaded network with its inputs in place."""

    def __init__(
        self, backend: Backend, inputs: Array, preset: Preset, pictures: dict[Image, Path]
    ) -> None:
        self.backend = backend
        self._hosted = RotatingInputs(inputs, lambda array: array)
        self._placed = RotatingInputs(inputs, backend.place)
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
                return self._rotating(request, self.backend.forward)
            case "host":
                return self._rotating(request, self._host)
            case "pipeline":
                return self._pipeline(request)
            case "similarity":
                return self._similarity(request)
            case _:
                raise BackendError(f"scope {request.scope} is not measured by blocks")

    def warming_block(self, number: int) -> Block:
        """Take one short block of ``forward``; its inputs rotate from call to call."""
        inputs = itertools.cycle(self._placed.placed)
        return take_block(lambda: self.backend.forward(next(inputs)), PLAN, number)

    def _host(self, array: Array) -> Array:
        return self.backend.fetch(self.backend.forward(self.backend.place(array)))

    def _rotating(self, request: Measure, run: Callable[[Placed], Placed]) -> Measured:
        """Time calls whose inputs rotate, so that a cached answer shows in the samples."""
        is_forward = request.scope == "forward"
        inputs = self._placed if is_forward else self._hosted
        sampler = Sampler(self.backend.fetch if is_forward else np.asarray, len(inputs))
        turns, places, answers = inputs.turns(), inputs.placed, sampler.answers

        def call() -> None:
            answers.append(run(places[next(turns)]))

        def between() -> None:
            count = len(answers)
            sampler.look()
            inputs.nudge(sampler.turn, count)

        inputs.shuffle()
        block = take_block(
            call, request.plan, request.round, on_start=sampler.start, on_entry=between
        )
        taken, outputs = sampler.taken()
        return Measured(
            blocks=(ScopedBlock(request.scope, None, block),),
            rows=tuple(inputs.picture_at(place) for place in taken),
            outputs=pack(outputs),
            fetch_ns=sampler.fetch_ns if is_forward else None,
        )

    def _pipeline(self, request: Measure) -> Measured:
        assert request.image is not None  # noqa: S101 - a pipeline without a picture is our bug
        # A giant's call is too dear for one that is not timed.
        is_giant = request.plan.max_calls is not None
        pipeline = Pipeline(
            self.backend,
            self._preset,
            self._pictures[request.image],
            None if is_giant else self._pictures[_another(request.image)],
        )
        whole = take_block(
            pipeline,
            request.plan,
            request.round,
            on_start=pipeline.start,
            on_entry=pipeline.keep_entry,
        )
        blocks = [ScopedBlock("pipeline", request.image, whole)]
        for scope, ns in pipeline.stages.items():
            stage = Block(round=whole.round, calls=whole.calls, ns=tuple(ns), noise=whole.noise)
            blocks.append(ScopedBlock(scope, request.image, stage))
        return Measured(blocks=tuple(blocks), outputs=pack(pipeline.sampler.taken()[1]))

    def _similarity(self, request: Measure) -> Measured:
        assert request.image is not None  # noqa: S101 - a pair without a picture is our bug
        pair = Pair(self.backend, self._embeddings["anchor"], self._embeddings[request.image])
        block = take_block(
            pair, request.plan, request.round, on_start=pair.start, on_entry=pair.look
        )
        blocks = (ScopedBlock("similarity", request.image, block),)
        return Measured(blocks=blocks, cosines=tuple(pair.cosines))


def _another(image: Image) -> Image:
    """Return a picture whose embedding differs: negative and resized negative are alike."""
    return "anchor" if image != "anchor" else "negative"


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


def _stage(request: object) -> str:
    return request.scope if isinstance(request, Measure) else type(request).__name__.lower()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else "no message"
    return text if isinstance(error, BackendError) else f"{type(error).__name__}: {text}"
