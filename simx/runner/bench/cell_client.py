"""A cell with its worker running: loading it, measuring it, and checking every answer it gives.

The parent's side. A worker is never taken at its word: embeddings are compared with torch's
reference here, and so are samples of what the timed calls computed.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from simx.common.anonymous import anonymous
from simx.common.errors import InputError
from simx.exporter.verification.reference import Reference, load_reference
from simx.models.pictures import IMAGES, Image
from simx.results.schema.partial_placement import partial_placement
from simx.results.schema.report import Canary, Failure, MeasuredCell, Parity
from simx.results.schema.times import Block, DeviceEvents, Launch, Scope, Timing, Warmup
from simx.results.statistics.device_events import too_short
from simx.results.statistics.embedding_similarity import similarities
from simx.results.statistics.estimates import block_median
from simx.results.statistics.parity import REPEATED, Bounds, disagreement, worst_parity
from simx.results.statistics.vector_math import cosine
from simx.runner.backends.contract import CANARY_SIZE, Array, BackendFacts
from simx.runner.bench.cells import PlannedCell, catalogue_figures
from simx.runner.bench.deadlines import Deadlines
from simx.runner.bench.schedule import CANARY_PLAN, block_plan, is_giant
from simx.runner.measure.messages import (
    CANARY,
    CROSS_CHECKED,
    MEASURED,
    PREPARED,
    WARMED_UP,
    CrossCheck,
    Measure,
    MeasureCanary,
    Measured,
    Prepare,
    Prepared,
    WarmUp,
    unpack,
)
from simx.runner.measure.sync_check import early_return, unfinished_work
from simx.workers.worker import Worker, WorkerError

T = TypeVar("T")

_CROSS_CHECKED_CALLS = 20

_COSINE_TOLERANCE = 1e-4
"""Allowed between a backend's own float32 cosine and the float64 one of the same embeddings."""


class CellFailedError(Exception):
    """A cell cannot be a figure; ``failure`` says at which stage, and why."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.failure = Failure(stage=stage, reason=reason)


class CellClient:
    """A cell whose worker is running, with what it has measured so far."""

    def __init__(self, plan: PlannedCell, worker: Worker, deadlines: Deadlines) -> None:
        self.plan = plan
        self.worker = worker
        self._deadlines = deadlines
        self._reference: Reference | None = None
        self.blocks: dict[tuple[Scope, Image | None], list[Block]] = defaultdict(list)
        self.canary: list[Block] = []
        self.parity = Parity(cosine=1.0, relative_l2=0.0)
        self._prepared: Prepared | None = None
        self._warmup: Warmup | None = None
        self._events: DeviceEvents | None = None

    @property
    def prepared(self) -> Prepared:
        """What loading it told."""
        assert self._prepared is not None  # noqa: S101 - the order of calls is launch's own
        return self._prepared

    @property
    def reference(self) -> Reference:
        """The right answers to the verification inputs."""
        assert self._reference is not None  # noqa: S101 - likewise
        return self._reference

    @property
    def embeddings(self) -> Array:
        """The embeddings of the four pictures, [4, D]."""
        return unpack(self.prepared.embeddings)

    def prepare(self, pictures: dict[Image, str]) -> None:
        """Load it, and check its answers before a single time counts."""
        stored = self.plan.reference
        try:
            self._reference = load_reference(Path(stored.path), stored.record)
        except InputError as error:
            raise CellFailedError("prepare", str(error)) from None
        request = Prepare(self.plan.task, stored, pictures)
        seconds = self.plan.loading_seconds(self._deadlines)
        self._prepared = self._ask(request, PREPARED, "prepare", seconds)
        self._check_rows("parity", unpack(self._prepared.verification), self.reference.embeddings)
        if (complaint := unfinished_work(self._prepared.calls)) is not None:
            raise CellFailedError("synchronise", complaint)
        self._name_partial_placement(self._prepared.facts)
        first = {
            "first": self._prepared.create_ns + self._prepared.first_call_ns,
            "first.create": self._prepared.create_ns,
            "first.call": self._prepared.first_call_ns,
        }
        for scope, ns in first.items():
            self.blocks[scope, None].append(Block(round=0, calls=1, ns=(ns,)))  # type: ignore[index]

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

    def warm_up(self) -> None:
        """Call it until its times have levelled off."""
        seconds = self._deadlines.of_warming_up(self.prepared.call_ns)
        self._warmup = self._ask(WarmUp(), WARMED_UP, "warm-up", seconds).warmup

    def cross_check(self) -> None:
        """Compare the clock with the device's own events, after the last timed call."""
        if not self.prepared.facts.resident or not self.blocks["forward", None]:
            return
        request = CrossCheck(1 if self.is_giant else _CROSS_CHECKED_CALLS)
        seconds = self._deadlines.of_calls(request.calls, self.prepared.call_ns)
        self._events = self._ask(request, CROSS_CHECKED, "events", seconds).events
        if self._events is not None:
            last = self.blocks["forward", None][-1]
            complaint = too_short(self._events, block_median(last))
            if complaint is not None:
                raise CellFailedError("events", complaint)

    def measure(self, scope: Scope, image: Image | None, round_index: int) -> None:
        """Take one block and check what it computed."""
        plan = block_plan(0 if scope.startswith("similarity") else self.prepared.call_ns)
        request = Measure(scope, image, round_index, plan)
        seconds = self._deadlines.of_block(plan, self.prepared.call_ns)
        measured = self._ask(request, MEASURED, scope, seconds)
        self._check_outputs(scope, image, measured)
        for scoped in measured.blocks:
            self.blocks[scoped.scope, scoped.image].append(scoped.block)

    @property
    def is_giant(self) -> bool:
        """Whether its calls leave time for a few of them only."""
        return is_giant(self.prepared.call_ns)

    def measure_canary(self, round_index: int) -> Block:
        """Take one block of the fixed matrix product."""
        request = MeasureCanary(round_index, CANARY_PLAN)
        seconds = self._deadlines.of_block(CANARY_PLAN, 0)
        self.canary.append(self._ask(request, CANARY, "canary", seconds).block)
        return self.canary[-1]

    def require_same_pictures(self, other: "CellClient") -> None:
        """Compare input bytes and embeddings of the four pictures with another cell's."""
        if self.prepared.input_sha256 != other.prepared.input_sha256:
            raise CellFailedError("input", "its input bytes differ from those of the other cells")
        looser = max(self._bounds, other.plan.target.bounds)
        self._check_rows("parity", self.embeddings, other.embeddings, looser)

    def finish(self, index: int, *, few_calls: bool) -> tuple[MeasuredCell, Canary | None]:
        """Return everything measured, as the parts of a report; no canary where none was taken."""
        manifest, prepared = self.plan.entry.manifest, self.prepared
        embeddings = self.embeddings
        cell = MeasuredCell(
            identity=self.plan.identity,
            catalogue=catalogue_figures(self.plan.backbone, self.plan.identity.embedding),
            weights_origin=manifest.identity.weights_origin,
            weights_sha256=manifest.weights.sha256,
            artefact_sha256=self.plan.artefact_sha256,
            exported_with=manifest.versions,
            embedding_dim=embeddings.shape[1],
            similarity=similarities(embeddings),
            parity=self.parity,
            placement=prepared.facts.placement,
            shape_nodes=prepared.facts.shape_nodes,
            settings={name: anonymous(value) for name, value in prepared.facts.settings.items()},
            thread_pools=prepared.thread_pools,
            libraries=prepared.libraries,
            memory=self.plan.memory,
            few_calls=few_calls,
            timings=tuple(
                Timing(scope=scope, image=image, launches=(self._launch(index, scope, image),))
                for scope, image in self.blocks
            ),
        )
        if not self.canary:
            return cell, None
        canary = Canary(
            model=cell.identity.model,
            weights=cell.identity.weights,
            backend=cell.identity.backend,
            provider=cell.identity.provider,
            size=CANARY_SIZE,
            launches=(Launch(index=index, blocks=tuple(self.canary)),),
        )
        return cell, canary

    def _launch(self, index: int, scope: Scope, image: Image | None) -> Launch:
        blocks = tuple(self.blocks[scope, image])
        if scope != "forward":
            return Launch(index=index, blocks=blocks)
        return Launch(index=index, blocks=blocks, warmup=self._warmup, events=self._events)

    def _ask(
        self,
        request: msgspec.Struct,
        decoder: msgspec.msgpack.Decoder[T | Failure],
        stage: str,
        seconds: float,
    ) -> T:
        try:
            reply = self.worker.request(request, decoder, seconds)
        except WorkerError as error:
            raise CellFailedError(stage, f"the worker {error}") from None
        if isinstance(reply, Failure):
            limit = self.worker.limit if is_about_memory(reply.reason) else ""
            raise CellFailedError(stage, f"{reply.reason}{limit}")
        return reply

    def _check_outputs(self, scope: Scope, image: Image | None, measured: Measured) -> None:
        """Compare samples of the timed calls themselves with what they should have been."""
        if measured.outputs is not None:
            outputs = unpack(measured.outputs)
            expected = (
                self.embeddings[[IMAGES.index(image)] * len(outputs)]
                if image is not None
                else self._right[list(measured.rows)]
            )
            self._check_rows(scope, outputs, expected, self._bounds_of_repeats)
        if measured.fetch_ns is not None:
            complaint = early_return(measured.fetch_ns, block_median(measured.blocks[0].block))
            if complaint is not None:
                raise CellFailedError(scope, complaint)
        if image is not None:
            pair = self.embeddings[0], self.embeddings[IMAGES.index(image)]
            _check_cosines(scope, measured.cosines, cosine(*pair))

    @property
    def _bounds(self) -> Bounds:
        return self.plan.target.bounds

    @property
    def _right(self) -> Array:
        """What the timed calls are to compute: torch's answers, or in another precision its own.

        Of such a one torch's are not near enough to tell the answer to one picture from that to
        another; its own were compared with them when it was loaded.
        """
        if self.plan.target.precision == "fp32":
            return self.reference.embeddings
        return unpack(self.prepared.verification)

    @property
    def _bounds_of_repeats(self) -> Bounds:
        return self._bounds if self.plan.target.precision == "fp32" else REPEATED

    def _check_rows(
        self, stage: str, rows: Array, expected: Array, bounds: Bounds | None = None
    ) -> None:
        if rows.shape != expected.shape:
            raise CellFailedError(
                stage, f"its embeddings have shape {rows.shape} where {expected.shape} is right"
            )
        parity = worst_parity(zip(rows, expected, strict=True))
        complaint = disagreement(parity, bounds or self._bounds)
        if complaint is not None:
            raise CellFailedError(stage, complaint)
        self.parity = Parity(
            cosine=min(parity.cosine, self.parity.cosine),
            relative_l2=max(parity.relative_l2, self.parity.relative_l2),
        )


def is_about_memory(reason: str) -> bool:
    """Whether a failure is one of memory, as Python and the runtimes tell it."""
    return re.search(r"memory|alloc", reason, re.IGNORECASE) is not None


def _check_cosines(scope: Scope, cosines: Sequence[float], right: float | None) -> None:
    wrong = (value for value in cosines if not abs(value - (right or 0.0)) <= _COSINE_TOLERANCE)
    if right is not None and (worst := next(wrong, None)) is not None:
        raise CellFailedError(
            scope, f"it computes a cosine of {worst:.6f} where {right:.6f} is right"
        )
