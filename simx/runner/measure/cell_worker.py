"""A loaded network in its worker: measures the requested blocks of every scope.

Imports no runtime. Results go back with the times, and the parent checks them.
"""

import itertools
import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from simx.images.normalisation import normalise
from simx.models.pictures import IMAGES, Image
from simx.results.schema.times import Block, DeviceEvents
from simx.runner.backends.contract import Array, Backend, BackendError, Placed
from simx.runner.measure.messages import Embed, Measure, Measured, pack
from simx.runner.measure.rotating_inputs import RotatingInputs, SimilarityInputs
from simx.runner.measure.sampling import Sampler
from simx.runner.measure.timing import CLOCK, Watch, take_block
from simx.runner.measure.warmup import PLAN

_Step = Callable[[], None]


class CellWorker:
    """One loaded network with its inputs in place.

    ``inputs`` are those of the verification, and ``pictures`` those of ``IMAGES``, float32
    [N, 3, H, W] each. A call takes ``batch`` of them.
    """

    def __init__(
        self,
        backend: Backend,
        inputs: Array,
        pictures: Array,
        watch: Watch | None = None,
        batch: int = 1,
    ) -> None:
        self.backend = backend
        self._watch = watch
        self._batch = batch
        self._inputs = inputs
        self._placed = RotatingInputs(inputs, backend.place, batch)
        self._pictures = pictures
        self._fetched: dict[Image, Array] = {}

    @cached_property
    def _hosted(self) -> RotatingInputs:
        return RotatingInputs(self._inputs, lambda array: array, self._batch)

    def embed_pictures(self) -> Array:
        """Embed ``IMAGES``, and return the embeddings [4, D]."""
        found = self._in_batches(self._pictures)
        self._fetched = dict(zip(IMAGES, np.split(found, len(IMAGES)), strict=True))
        return found

    def embed(self, request: Embed) -> Array:
        """Embed a batch of crops, and return the embeddings [N, D]."""
        pixels = request.pixels
        crops = np.frombuffer(pixels.data, np.uint8).reshape(pixels.shape)
        inputs = normalise(crops, request.preset)
        return self._host(inputs) if self._batch == 1 else self._in_batches(inputs)

    def _in_batches(self, inputs: Array) -> Array:
        """Embed inputs [N, 3, H, W] in calls of one size, and return the embeddings [N, D]."""
        calls = math.ceil(len(inputs) / self._batch)
        rows = np.resize(np.arange(len(inputs)), (calls, self._batch))
        return np.concatenate([self._host(inputs[row]) for row in rows])[: len(inputs)]

    def own_error(self) -> float | None:
        """Compare the backend's embeddings of all pictures with its own in float64."""
        every = np.concatenate([self._inputs, self._pictures])
        return self.backend.own_error(np.split(every, len(every)))

    def measure(self, request: Measure) -> Measured:
        """Measure one block."""
        match request.scope:
            case "forward":
                return self._rotating(request, self.backend.forward)
            case "host":
                return self._rotating(request, self._host)
            case "similarity" | "similarity.host":
                return self._similarity(request)
            case _:
                raise BackendError(f"scope {request.scope} is not measured by blocks")

    def warming_block(self, number: int) -> Block:
        """Measure one short block of ``forward``."""
        inputs = itertools.cycle(self._placed.placed)
        return take_block(lambda: self.backend.forward(next(inputs)), PLAN, number)

    def cross_check(self, calls: int) -> DeviceEvents | None:
        """Time some calls by the clock and by the device's events at the same time."""
        wall_ns, device_ns = [], []
        for image in itertools.islice(itertools.cycle(self._placed.placed), calls):
            begun = CLOCK()
            by_device = self.backend.timed_by_device(image)
            wall_ns.append(CLOCK() - begun)
            if by_device is None:
                return None
            device_ns.append(by_device)
        return DeviceEvents(wall_ns=tuple(wall_ns), device_ns=tuple(device_ns))

    def _host(self, array: Array) -> Array:
        return self.backend.fetch(self.backend.forward(self.backend.place(array)))

    def _rotating(self, request: Measure, run: Callable[[Placed], Placed]) -> Measured:
        is_forward = request.scope == "forward"
        inputs = self._placed if is_forward else self._hosted
        sampler = Sampler(self.backend.fetch if is_forward else np.asarray, len(inputs))
        turns = itertools.cycle(range(len(inputs)))
        places, answers = inputs.placed, sampler.answers

        def call() -> None:
            answers.append(run(places[next(turns)]))

        def between() -> None:
            count = len(answers)
            sampler.look()
            inputs.nudge(sampler.turn, count)

        inputs.shuffle()
        block = self._block(call, request, sampler.start, between)
        taken, outputs = sampler.taken()
        return Measured(
            block=block,
            rows=tuple(picture for place in taken for picture in inputs.pictures_at(place)),
            outputs=pack(outputs),
            fetch_ns=sampler.fetch_ns if is_forward else None,
        )

    def _similarity(self, request: Measure) -> Measured:
        assert request.image is not None  # noqa: S101 - a similarity without a picture is a bug
        compare, place = self.backend.similarity, self.backend.place
        anchor, other = self._fetched["anchor"], self._fetched[request.image]
        if request.scope == "similarity":
            inputs = SimilarityInputs(compare, place(anchor), other, place)
        else:
            inputs = SimilarityInputs(
                lambda left, right: compare(place(left), place(right)),
                anchor,
                other,
                lambda array: array,
            )
        block = self._block(inputs, request, inputs.start, inputs.look)
        return Measured(block=block, cosines=tuple(inputs.cosines))

    def _block(self, call: _Step, request: Measure, on_start: _Step, on_entry: _Step) -> Block:
        plan, number, watch = request.plan, request.round, self._watch
        return take_block(call, plan, number, watch=watch, on_start=on_start, on_entry=on_entry)
