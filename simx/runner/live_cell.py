"""A cell with its worker running: loading it, measuring it, and checking every answer it gives.

The parent's side. A worker is never taken at its word: embeddings are compared with torch's
reference here, and so are samples of what the timed calls computed.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from simx.exporter.reference import Reference, load_reference
from simx.results.parity import disagreement, worst_parity
from simx.results.schema import (
    IMAGES,
    Block,
    Canary,
    Image,
    Launch,
    MeasuredCell,
    Parity,
    Scope,
    Similarity,
    Timing,
    Warmup,
)
from simx.results.similarity import cosine
from simx.results.statistics import block_median
from simx.runner.backend import CANARY_SIZE, Array
from simx.runner.cells import PlannedCell, catalogue_figures
from simx.runner.messages import (
    CANARY,
    MEASURED,
    PREPARED,
    WARMED_UP,
    Failed,
    Measure,
    MeasureCanary,
    Measured,
    Prepare,
    Prepared,
    WarmUp,
    unpack,
)
from simx.runner.schedule import CANARY_PLAN, block_plan, is_giant
from simx.workers.worker import Worker, WorkerError

T = TypeVar("T")

_PREPARE_SECONDS = 1800.0
_MEASURE_SECONDS = 1800.0

_COSINE_TOLERANCE = 1e-4
"""Allowed between a backend's own float32 cosine and the float64 one of the same embeddings."""


_FETCH_SHARE = 0.5
"""Of a call, that fetching its result may take: an embedding is copied in microseconds, and where
half as much as the call itself is left to do, a third of the work was not in it."""


class CellFailedError(Exception):
    """A cell cannot be a figure: at which stage, and why."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class LiveCell:
    """A cell whose worker is running, with what it has measured so far."""

    def __init__(self, plan: PlannedCell, worker: Worker) -> None:
        self.plan = plan
        self.worker = worker
        self.reference: Reference = load_reference(plan.entry.verification_path)
        self.blocks: dict[tuple[Scope, Image | None], list[Block]] = defaultdict(list)
        self.canary: list[Block] = []
        self.parity = Parity(cosine=1.0, relative_l2=0.0)
        self._prepared: Prepared | None = None
        self._warmup: Warmup | None = None

    @property
    def prepared(self) -> Prepared:
        """What loading it told."""
        assert self._prepared is not None  # noqa: S101 - the order of calls is launch's own
        return self._prepared

    @property
    def embeddings(self) -> Array:
        """The embeddings of the four pictures, [4, D]."""
        return unpack(self.prepared.embeddings)

    def prepare(self, pictures: dict[Image, str]) -> None:
        """Load it, and check its answers before a single time counts."""
        request = Prepare(
            self.plan.task, str(self.plan.entry.verification_path.resolve()), pictures
        )
        self._prepared = self._ask(request, PREPARED, "prepare", _PREPARE_SECONDS)
        self._check_rows("parity", unpack(self._prepared.verification), self.reference.embeddings)
        first = {
            "first": self._prepared.create_ns + self._prepared.first_call_ns,
            "first.create": self._prepared.create_ns,
            "first.call": self._prepared.first_call_ns,
        }
        for scope, ns in first.items():
            self.blocks[scope, None].append(Block(round=0, calls=1, ns=(ns,)))  # type: ignore[index]

    def warm_up(self) -> None:
        """Call it until its times have levelled off."""
        self._warmup = self._ask(WarmUp(), WARMED_UP, "warm-up", _MEASURE_SECONDS).warmup

    def measure(self, scope: Scope, image: Image | None, round_index: int) -> None:
        """Take one block and check what it computed."""
        plan = block_plan(self.prepared.call_ns if scope != "similarity" else 0)
        request = Measure(scope, image, round_index, plan)
        measured = self._ask(request, MEASURED, scope, _MEASURE_SECONDS)
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
        self.canary.append(self._ask(request, CANARY, "canary", _MEASURE_SECONDS).block)
        return self.canary[-1]

    def require_same_pictures(self, other: "LiveCell") -> None:
        """Compare input bytes and embeddings of the four pictures with another cell's."""
        if self.prepared.input_sha256 != other.prepared.input_sha256:
            raise CellFailedError("input", "its input bytes differ from those of the other cells")
        self._check_rows("parity", self.embeddings, other.embeddings)

    def finish(self, index: int, *, few_calls: bool) -> tuple[MeasuredCell, Canary]:
        """Return everything measured, as the parts of a report."""
        manifest, prepared = self.plan.entry.manifest, self.prepared
        embeddings = self.embeddings
        cell = MeasuredCell(
            identity=self.plan.identity,
            catalogue=catalogue_figures(self.plan.backbone, self.plan.identity.embedding),
            weights_origin=manifest.identity.weights_origin,
            weights_sha256=manifest.weights.sha256,
            artefact_sha256=self.plan.artefact_sha256,
            embedding_dim=embeddings.shape[1],
            similarity=similarities(embeddings),
            parity=self.parity,
            placement=prepared.facts.placement,
            settings=prepared.facts.settings,
            thread_pools=prepared.thread_pools,
            memory=self.plan.memory,
            few_calls=few_calls,
            timings=tuple(
                Timing(scope=scope, image=image, launches=(self._launch(index, scope, image),))
                for scope, image in self.blocks
            ),
        )
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
        warmup = self._warmup if scope == "forward" else None
        return Launch(index=index, blocks=blocks, warmup=warmup)

    def _ask(
        self,
        request: msgspec.Struct,
        decoder: msgspec.msgpack.Decoder[T | Failed],
        stage: str,
        seconds: float,
    ) -> T:
        try:
            reply = self.worker.request(request, decoder, seconds)
        except WorkerError as error:
            raise CellFailedError(stage, f"the worker {error}") from None
        if isinstance(reply, Failed):
            raise CellFailedError(stage, reply.reason)
        return reply

    def _check_outputs(self, scope: Scope, image: Image | None, measured: Measured) -> None:
        """Compare samples of the timed calls themselves with what they should have been."""
        if measured.outputs is not None:
            outputs = unpack(measured.outputs)
            expected = (
                self.embeddings[[IMAGES.index(image)] * len(outputs)]
                if image is not None
                else self.reference.embeddings[list(measured.rows)]
            )
            self._check_rows(scope, outputs, expected)
        if measured.fetch_ns is not None:
            _check_existence(scope, measured.fetch_ns, measured.blocks[0].block)
        if image is not None:
            pair = self.embeddings[0], self.embeddings[IMAGES.index(image)]
            _check_cosines(scope, measured.cosines, cosine(*pair))

    def _check_rows(self, stage: str, rows: Array, expected: Array) -> None:
        if rows.shape != expected.shape:
            raise CellFailedError(
                stage, f"its embeddings have shape {rows.shape} where {expected.shape} is right"
            )
        parity = worst_parity(zip(rows, expected, strict=True))
        complaint = disagreement(parity)
        if complaint is not None:
            raise CellFailedError(stage, complaint)
        self.parity = Parity(
            cosine=min(parity.cosine, self.parity.cosine),
            relative_l2=max(parity.relative_l2, self.parity.relative_l2),
        )


def similarities(embeddings: Array) -> Similarity:
    """Return the anchor's cosine similarity with the others in percent, from [4, D] embeddings."""
    percent = [
        None if value is None else 100.0 * value
        for value in (cosine(embeddings[0], other) for other in embeddings[1:])
    ]
    return Similarity(positive=percent[0], negative=percent[1], negative_resized=percent[2])


def _check_existence(scope: Scope, fetch_ns: int, block: Block) -> None:
    """Refuse a backend whose calls end before their results are there.

    What remains to be done then is done while the answer is fetched. Of an answer that is there,
    fetching is a copy of one vector at the most.
    """
    call_ns = block_median(block)
    if fetch_ns > _FETCH_SHARE * call_ns:
        raise CellFailedError(
            scope,
            f"it returns before its result is there: fetching that takes {fetch_ns / 1e6:.3f} ms "
            f"after a call of {call_ns / 1e6:.3f} ms",
        )


def _check_cosines(scope: Scope, cosines: Sequence[float], right: float | None) -> None:
    wrong = (value for value in cosines if not abs(value - (right or 0.0)) <= _COSINE_TOLERANCE)
    if right is not None and (worst := next(wrong, None)) is not None:
        raise CellFailedError(
            scope, f"it computes a cosine of {worst:.6f} where {right:.6f} is right"
        )
