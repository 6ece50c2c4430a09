"""A loaded network in its worker: takes the blocks it is asked for, of every scope.

Imports no runtime. What a call computed goes back with its times, so that the parent can check it.
"""

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simx.images.decoding import decode
from simx.images.preprocessing import preprocess
from simx.models.backbone import Preset
from simx.results.schema import IMAGES, Block, DeviceEvents, Image, Scope
from simx.runner.backend import Array, Backend, BackendError, Placed
from simx.runner.messages import Measure, Measured, ScopedBlock, pack
from simx.runner.timing import CLOCK, Watch, take_block
from simx.runner.warmup import PLAN


class Cell:
    """One loaded network with its inputs in place."""

    def __init__(
        self,
        backend: Backend,
        inputs: Array,
        preset: Preset,
        pictures: dict[Image, Path],
        watch: Watch | None = None,
    ) -> None:
        self.backend = backend
        self._watch = watch
        self._hosted = [inputs[row : row + 1] for row in range(len(inputs))]
        self._placed = [backend.place(array) for array in self._hosted]
        self._preset = preset
        self._pictures = pictures
        self._embeddings: dict[Image, Placed] = {}
        self._fetched: dict[Image, Array] = {}

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
        self._fetched = {image: self.backend.fetch(self._embeddings[image]) for image in IMAGES}
        return np.concatenate([self._fetched[image] for image in IMAGES]), digest.hexdigest()

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
                return self._similarity(request, self._embeddings, self.backend.similarity)
            case "similarity.host":
                return self._similarity(request, self._fetched, self._similarity_on_host)
            case _:
                raise BackendError(f"scope {request.scope} is not measured by blocks")

    def warming_block(self, number: int) -> Block:
        """Take one short block of ``forward``; its inputs rotate from call to call."""
        inputs = itertools.cycle(self._placed)
        return take_block(lambda: self.backend.forward(next(inputs)), PLAN, number)

    def cross_check(self, calls: int) -> DeviceEvents | None:
        """Time some calls by the clock and by the device's own events, both around each of them."""
        inputs = itertools.cycle(self._placed)
        wall_ns, device_ns = [], []
        for _ in range(calls):
            image = next(inputs)
            begun = CLOCK()
            by_device = self.backend.timed_by_device(image)
            wall_ns.append(CLOCK() - begun)
            if by_device is None:
                return None
            device_ns.append(by_device)
        return DeviceEvents(wall_ns=tuple(wall_ns), device_ns=tuple(device_ns))

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

        block = take_block(
            call, request.plan, request.round, watch=self._watch, on_start=last.clear
        )
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
            watch=self._watch,
            on_start=pipeline.reset,
            on_entry=pipeline.keep_entry,
        )
        blocks = [ScopedBlock("pipeline", request.image, whole)]
        for scope, ns in pipeline.stages.items():
            stage = Block(round=whole.round, calls=whole.calls, ns=tuple(ns), noise=whole.noise)
            blocks.append(ScopedBlock(scope, request.image, stage))
        return Measured(blocks=tuple(blocks), outputs=pack(pipeline.output))

    def _similarity_on_host(self, left: Array, right: Array) -> float:
        return self.backend.similarity(self.backend.place(left), self.backend.place(right))

    def _similarity(
        self,
        request: Measure,
        embeddings: dict[Image, Placed],
        compare: Callable[[Placed, Placed], float],
    ) -> Measured:
        assert request.image is not None  # noqa: S101 - a pair without a picture is our bug
        anchor, other = embeddings["anchor"], embeddings[request.image]
        cosines = [0.0]

        def call() -> None:
            cosines[0] = compare(anchor, other)

        block = take_block(call, request.plan, request.round, watch=self._watch)
        blocks = (ScopedBlock(request.scope, request.image, block),)
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
