"""The parent's side of a cell whose worker is running: load it, measure it, check every answer.

Embeddings are compared with torch's here, and so are samples of the timed calls' results.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from simx.common.anonymous import anonymous
from simx.common.errors import InputError
from simx.exporter.verification.reference import load_reference
from simx.models.pictures import IMAGES, Image
from simx.results.schema.partial_placement import partial_placement
from simx.results.schema.report import Failure, MeasuredCell, Parity
from simx.results.schema.times import (
    Block,
    DeviceEvents,
    Launch,
    Scope,
    Timing,
    Warmup,
    block_median,
)
from simx.results.statistics.device_events import too_short
from simx.results.statistics.drift import PROCESSOR, device_of
from simx.results.statistics.parity import REPEATED, Bounds, disagreement, worst_parity
from simx.results.statistics.threads import has_too_many
from simx.results.statistics.vector_math import cosine, similarities
from simx.runner.backends.contract import Array, BackendFacts
from simx.runner.backends.ort.settings import THREAD_OPTIONS
from simx.runner.bench.cells import PlannedCell, catalogue_figures
from simx.runner.bench.schedule import (
    CANARY_PLAN,
    PAUSED_CALLS,
    SIMILARITY_PLAN,
    Deadlines,
    block_plan,
    is_giant,
)
from simx.runner.measure import messages
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.sync_check import early_return, unfinished_work
from simx.workers.worker import Worker, WorkerError

T = TypeVar("T")

_CROSS_CHECKED_CALLS = 20

_COSINE_TOLERANCE = 1e-4
"""Allowed between a backend's float32 cosine and the float64 one of the same embeddings."""


class CellFailedError(Exception):
    """A cell failed; ``failure`` has the stage and the reason."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.failure = Failure(stage=stage, reason=reason)


class CellClient:
    """A cell whose worker is running, with its measurements so far.

    ``prepared`` is the worker's answer to ``prepare``, the first request.
    """

    prepared: messages.Prepared

    def __init__(self, plan: PlannedCell, worker: Worker, deadlines: Deadlines) -> None:
        self.plan = plan
        self.worker = worker
        self._deadlines = deadlines
        self.blocks: dict[tuple[Scope, Image | None], list[Block]] = defaultdict(list)
        self.parity = Parity(cosine=1.0, relative_l2=0.0)
        self._right: Array
        self._threads_used: float | None = None
        self._warmup: Warmup | None = None
        self._events: DeviceEvents | None = None

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Its process; several under a load."""
        return (self.worker,)

    @property
    def embeddings(self) -> Array:
        """The embeddings of the four pictures, [4, D]."""
        return messages.unpack(self.prepared.embeddings)

    def prepare(self, pictures: messages.ArrayMessage) -> None:
        """Load it, and check its answers before any time counts.

        Args:
            pictures: the inputs of ``IMAGES``, float32 [4, 3, H, W].
        """
        stored, target = self.plan.reference, self.plan.target
        try:
            reference = load_reference(Path(stored.path), stored.record).embeddings
        except InputError as error:
            raise CellFailedError("prepare", str(error)) from None
        request = messages.Prepare(self.plan.task, stored, pictures)
        seconds = self.plan.loading_seconds(self._deadlines)
        self.prepared = self.ask(request, messages.Prepared, "prepare", seconds)
        answers = messages.unpack(self.prepared.verification)
        rows = list(self.prepared.rows)
        self._check_rows("parity", answers, reference[rows], target.bounds)
        # In a reduced precision torch's embeddings are too far off to tell the answer to one
        # picture from that to another: timed calls are compared with the cell's own first answers.
        own = answers[[rows.index(picture) for picture in range(len(reference))]]
        self._right = reference if target.precision == "fp32" else own
        _refuse("synchronise", unfinished_work(self.prepared.calls))
        self._name_partial_placement(self.prepared.facts)
        create, call = self.prepared.create_ns, self.prepared.first_call_ns
        scopes: tuple[Scope, ...] = ("first", "first.create", "first.call")
        if self.prepared.facts.is_cached:
            scopes = ("first.cached",)
        for scope, ns in zip(scopes, (create + call, create, call), strict=False):
            self.blocks[scope, None].append(Block(round=0, calls=1, ns=(ns,)))

    def _name_partial_placement(self, facts: BackendFacts) -> None:
        """Make a partial placement part of the cell's name.

        Raises:
            CellFailedError: the placement differs from the launches before.
        """
        provider = self.plan.target.provider
        share = partial_placement(facts.placement, facts.shape_nodes, provider)
        before = self.plan.partial_placement
        if self.plan.was_loaded and share != before:
            raise CellFailedError(
                "placement",
                f"{share or 'all'} of its nodes ran on {provider}, and {before or 'all'} in the "
                "launches before",
            )
        self.plan = msgspec.structs.replace(self.plan, partial_placement=share, was_loaded=True)

    def count_threads(self) -> None:
        """Measure how many of the processor's threads compute; more than requested are a failure.

        A time with more threads than the cell's name has must not be compared with others. An
        option of the provider for its threads is a part of the name.
        """
        target, requested = self.plan.target, self.plan.threads
        if device_of(target.provider) != PROCESSOR:
            return
        request = messages.CountThreads(requested)
        seconds = self._deadlines.of_block(CANARY_PLAN, 0)
        used = self.ask(request, messages.ThreadsCounted, "threads", seconds).used
        self._threads_used = used
        option = f"{THREAD_OPTIONS.get(target.provider)}="
        is_named = any(each.startswith(option) for each in target.backend.options)
        if used is not None and has_too_many(used, requested) and not is_named:
            counted = "1 was" if requested == 1 else f"{requested} were"
            raise CellFailedError(
                "threads",
                f"{used:.1f} threads compute, and {counted} requested; request as many with "
                "--threads, or limit them by an option of the provider",
            )

    def warm_up(self) -> None:
        """Call it until its times have levelled off."""
        seconds = self._deadlines.of_warming_up(self.prepared.call_ns)
        self._warmup = self.ask(messages.WarmUp(), messages.WarmedUp, "warm-up", seconds).warmup

    def cross_check(self) -> None:
        """Compare the clock with the device's own events, after the last timed call."""
        forward = self.blocks["forward", None]
        if not self.prepared.facts.resident or not forward:
            return
        request = messages.CrossCheck(1 if self.is_giant else _CROSS_CHECKED_CALLS)
        seconds = self._deadlines.of_calls(request.calls, self.prepared.call_ns)
        self._events = self.ask(request, messages.CrossChecked, "events", seconds).events
        if self._events is not None:
            _refuse("events", too_short(self._events, block_median(forward[-1])))

    def measure(self, scope: Scope, image: Image | None, round_index: int) -> None:
        """Take one block and check its results."""
        if scope.startswith("similarity"):
            plan = SIMILARITY_PLAN
        elif scope == "paused":
            plan = BlockPlan(
                seconds=0.0, min_calls=PAUSED_CALLS, pause_seconds=self.plan.load.pause or 0
            )
        else:
            plan = block_plan(self.prepared.call_ns, self.plan.batch)
        request = messages.Measure(scope, image, round_index, plan)
        seconds = self._deadlines.of_block(plan, self.prepared.call_ns)
        measured = self.ask(request, messages.Measured, scope, seconds)
        self.check_outputs(scope, measured)
        if measured.fetch_ns is not None:
            typical = block_median(measured.block)
            _refuse(scope, early_return(measured.fetch_ns, typical))
        if image is not None:
            own = self.embeddings
            _check_cosines(scope, measured.cosines, cosine(own[0], own[IMAGES.index(image)]))
        self.blocks[scope, image].append(measured.block)

    @property
    def is_giant(self) -> bool:
        """Whether its calls leave time for only a few of them."""
        return is_giant(self.prepared.call_ns)

    def measure_canary(self, round_index: int) -> Block:
        """Take one block of the fixed matrix product."""
        request = messages.MeasureCanary(round_index, CANARY_PLAN)
        seconds = self._deadlines.of_block(CANARY_PLAN, 0)
        return self.ask(request, messages.MeasuredCanary, "canary", seconds).block

    def require_same_pictures(self, other: "CellClient") -> None:
        """Compare the embeddings of the four pictures with another cell's."""
        looser = max(self.plan.target.bounds, other.plan.target.bounds)
        its = other.plan.identity
        name = f"that of {its.backend} {its.provider}"
        self._check_rows("parity", self.embeddings, other.embeddings, looser, name)

    def embed(self, pixels: messages.Pixels) -> Array:
        """Return the embeddings of a batch of crops, float32 [N, D].

        Raises:
            CellFailedError: they are not computed, not finite, or of another length than before.
        """
        request = messages.Embed(pixels, self.plan.backbone.preset)
        seconds = self._deadlines.of_calls(pixels.shape[0], self.prepared.call_ns)
        reply = self.ask(request, messages.Embedded, "embed", seconds)
        found = messages.unpack(reply.embeddings)
        if found.shape != (pixels.shape[0], self.embeddings.shape[1]):
            raise CellFailedError("embed", f"its embeddings have shape {found.shape}")
        if not np.isfinite(found).all():
            raise CellFailedError("embed", "an embedding is not finite")
        return found

    def own_error(self) -> float | None:
        """Return how far its backend is from itself in float64; None if that is not known."""
        if not hasattr(self, "prepared"):
            return None
        request, calls = messages.CompareWithFloat64(), 8 * len(IMAGES)
        seconds = self._deadlines.of_calls(calls, self.prepared.call_ns)
        try:
            return self.ask(request, messages.ComparedWithFloat64, "parity", seconds).error
        except CellFailedError:
            return None

    def finish(self, index: int, *, few_calls: bool) -> MeasuredCell:
        """Return its measurements as a part of a report."""
        manifest, prepared, facts = self.plan.entry.manifest, self.prepared, self.prepared.facts
        its, origin = self.plan.identity, manifest.identity.weights_origin
        return MeasuredCell(
            identity=its,
            catalogue=catalogue_figures(self.plan.backbone, its.embedding, origin),
            weights_origin=origin,
            weights_sha256=manifest.weights.sha256,
            artefact_sha256=self.plan.artefact_sha256,
            exported_with=manifest.versions,
            embedding_dim=self.embeddings.shape[1],
            similarity=similarities(self.embeddings),
            parity=self.parity,
            placement=facts.placement,
            shape_nodes=facts.shape_nodes,
            settings={name: anonymous(value) for name, value in facts.settings.items()},
            thread_pools=prepared.thread_pools,
            threads_used=self._threads_used,
            libraries=prepared.libraries,
            memory=self.plan.memory or prepared.memory,
            few_calls=few_calls,
            timings=tuple(
                Timing(scope=scope, image=image, launches=(self._launch(index, scope, image),))
                for scope, image in self.blocks
            ),
        )

    def _launch(self, index: int, scope: Scope, image: Image | None) -> Launch:
        blocks = tuple(self.blocks[scope, image])
        if scope != "forward":
            return Launch(index=index, blocks=blocks)
        idle = self.prepared.idle_watts
        return Launch(
            index=index,
            blocks=blocks,
            warmup=self._warmup,
            events=self._events,
            idle_watts=msgspec.UNSET if idle is None else idle,
        )

    def ask(self, request: msgspec.Struct, kind: type[T], stage: str, seconds: float) -> T:
        """Return the worker's answer, of this kind, to a request.

        Raises:
            CellFailedError: at this stage, because the worker fails or gives none within seconds.
        """
        try:
            reply = self.worker.request(request, messages.decoder(kind), seconds)
        except WorkerError as error:
            raise CellFailedError(stage, f"the worker {error}") from None
        if isinstance(reply, Failure):
            is_about_memory = re.search(r"memory|alloc", reply.reason, re.IGNORECASE)
            limit = self.worker.limit if is_about_memory else ""
            raise CellFailedError(stage, f"{reply.reason}{limit}")
        return reply

    def check_outputs(
        self, scope: Scope, measured: messages.Measured | messages.MeasuredLoad
    ) -> None:
        """Compare samples of the timed calls' own results with the right ones."""
        target = self.plan.target
        if measured.outputs is not None:
            outputs = messages.unpack(measured.outputs)
            expected = self._right[list(measured.rows)]
            if target.precision == "fp32":
                self._check_rows(scope, outputs, expected, target.bounds)
            else:
                self._check_rows(scope, outputs, expected, REPEATED, "its own before the rounds")

    def _check_rows(
        self, stage: str, rows: Array, expected: Array, bounds: Bounds, right: str = "torch's"
    ) -> None:
        if rows.shape != expected.shape:
            raise CellFailedError(
                stage, f"its embeddings have shape {rows.shape} where {expected.shape} is right"
            )
        parity = worst_parity(zip(rows, expected, strict=True))
        _refuse(stage, disagreement(parity, bounds, right))
        self.parity = Parity(
            cosine=min(parity.cosine, self.parity.cosine),
            relative_l2=max(parity.relative_l2, self.parity.relative_l2),
        )


def _refuse(stage: str, complaint: str | None) -> None:
    if complaint is not None:
        raise CellFailedError(stage, complaint)


def _check_cosines(scope: Scope, cosines: Sequence[float], right: float | None) -> None:
    wrong = (value for value in cosines if not abs(value - (right or 0.0)) <= _COSINE_TOLERANCE)
    if right is not None and (worst := next(wrong, None)) is not None:
        raise CellFailedError(
            scope, f"it computes a cosine of {worst:.6f} where {right:.6f} is right"
        )
