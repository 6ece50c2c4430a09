"""A loaded network in its worker: measures the requested blocks of every scope.

Imports no runtime. Results go back with the times, and the parent checks them.
"""

import itertools
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import numpy as np

from simx.images.normalisation import normalise
from simx.models.pictures import IMAGES, Image
from simx.results.schema.times import Block, DeviceEvents
from simx.runner.backends.contract import Array, Backend, BackendError, Placed
from simx.runner.load.stream import answer
from simx.runner.measure.energy import EnergyMeter
from simx.runner.measure.messages import (
    Answered,
    Embed,
    Measure,
    Measured,
    MeasuredLoad,
    MeasureLoad,
    pack,
)
from simx.runner.measure.noise import NoiseMeter
from simx.runner.measure.rotating_inputs import RotatingInputs, SimilarityInputs
from simx.runner.measure.sampling import Sampler
from simx.runner.measure.timing import CLOCK, Watch, take_block
from simx.runner.measure.warmup import PLAN

_Step = Callable[[], None]


class _RotatingCalls:
    """Calls that take inputs in turns, with samples of their results."""

    def __init__(
        self,
        inputs: RotatingInputs,
        run: Callable[[Placed], Placed],
        fetch: Callable[[Placed], Array],
    ) -> None:
        self.sampler = Sampler(fetch, len(inputs))
        self._inputs = inputs
        turns, places = itertools.cycle(range(len(inputs))), inputs.placed
        answers = self.sampler.answers

        def call() -> None:
            answers.append(run(places[next(turns)]))

        self.call: _Step = call
        """Makes one call."""
        inputs.shuffle()

    def between(self) -> None:
        """Look at the results since the last time, and change the inputs of so many calls."""
        if count := len(self.sampler.answers):
            self.sampler.look()
            self._inputs.nudge(self.sampler.turn, count)

    def taken(self) -> tuple[tuple[int, ...], Array]:
        """Return the pictures of the samples by their indices, and their embeddings [K, D]."""
        places, outputs = self.sampler.taken()
        rows = (picture for place in places for picture in self._inputs.pictures_at(place))
        return tuple(rows), outputs


def _answered(request: MeasureLoad, calls: _RotatingCalls) -> tuple[Answered, ...]:
    found = tuple(answer(request, calls.call, calls.between))
    calls.between()
    return found


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
        energy: EnergyMeter | None = None,
    ) -> None:
        self.backend = backend
        self._watch = watch
        self._energy = energy
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
            case "forward" | "paused":
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

    def measure_load(self, request: MeasureLoad) -> MeasuredLoad:
        """Answer this process's part of a load."""
        callers = [self._caller() for _ in range(request.callers)]
        meter, before = NoiseMeter(), time.process_time_ns()
        if len(callers) == 1:
            # In the thread that has called the network so far: torch has a pool for each.
            streams = [_answered(request, callers[0])]
        else:
            with ThreadPoolExecutor(len(callers)) as pool:
                streams = list(pool.map(partial(_answered, request), callers))
        cpu_ns, noise = time.process_time_ns() - before, meter.read()
        taken = [calls.taken() for calls in callers]
        return MeasuredLoad(
            streams=tuple(streams),
            noise=noise,
            cpu_ns=cpu_ns,
            rows=tuple(row for rows, _ in taken for row in rows),
            outputs=pack(np.concatenate([outputs for _, outputs in taken])),
        )

    def _caller(self) -> _RotatingCalls:
        """Return calls from and to the host, with inputs of their own."""
        inputs = RotatingInputs(self._inputs, lambda array: array, self._batch)
        return _RotatingCalls(inputs, self._host, np.asarray)

    def _rotating(self, request: Measure, run: Callable[[Placed], Placed]) -> Measured:
        is_forward, pause = request.scope != "host", request.plan.pause_seconds
        inputs = self._placed if is_forward else self._hosted
        calls = _RotatingCalls(inputs, run, self.backend.fetch if is_forward else np.asarray)

        def begin() -> None:
            calls.sampler.start()
            if pause:  # even a sleep of no time gives the core away
                time.sleep(pause)

        def between() -> None:
            calls.between()
            if pause:
                time.sleep(pause)

        block = self._block(calls.call, request, begin, between)
        rows, outputs = calls.taken()
        fetch_ns = calls.sampler.fetch_ns if is_forward else None
        return Measured(block=block, rows=rows, outputs=pack(outputs), fetch_ns=fetch_ns)

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
        return take_block(
            call,
            request.plan,
            request.round,
            watch=self._watch,
            energy=self._energy,
            on_start=on_start,
            on_entry=on_entry,
        )
