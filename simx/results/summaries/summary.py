"""What the tables show, as types. Data only, free of any rendering; ``derivation`` makes them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

import msgspec

from simx.models.backbone import Precision
from simx.models.ranges import Range
from simx.results.schema.config import SINGLE_STREAM, Scenario, Setting
from simx.results.schema.environment import Memory
from simx.results.schema.report import (
    Cell,
    Identity,
    MeasuredCell,
    Parity,
    Price,
    Published,
    Similarity,
    Stop,
    WeightsOrigin,
)
from simx.results.schema.times import Launch, TimeKey
from simx.results.statistics.busyness import Busyness
from simx.results.statistics.energy import Energy
from simx.results.statistics.estimates import Estimate, Ratio
from simx.results.statistics.sustained import Run
from simx.results.statistics.trend import Trend

FULL: Precision = "fp32"


class TargetId(msgspec.Struct, frozen=True, order=True):
    """What executes, where, and in which precision."""

    backend: str
    provider: str
    precision: str = FULL

    @property
    def name(self) -> str:
        """For example ``ort cuda``, and ``ort cuda int8`` for another precision than fp32."""
        name = f"{self.backend} {self.provider.removesuffix('ExecutionProvider').lower()}"
        return f"{name} {self.precision}" if self.is_reduced else name

    @property
    def in_full(self) -> "TargetId":
        """The same in fp32, the precision of its canary."""
        return TargetId(self.backend, self.provider)

    @property
    def unvaried(self) -> "TargetId":
        """The same backend without variants and options."""
        return TargetId(self.backend.partition(":")[0], self.provider, self.precision)

    @property
    def is_reduced(self) -> bool:
        """Whether its embeddings only approximate those of fp32."""
        return self.precision != FULL


def target_of(identity: Identity) -> TargetId:
    """Return what executes a cell, where, and in which precision."""
    return TargetId(identity.backend, identity.provider, identity.precision)


BackboneKey = tuple[str, str, str, str, int, int, int | None]
"""Model, weights, kind of nodes, embedding, batch, instances and threads."""


def backbone_of(identity: Identity) -> BackboneKey:
    """Return what the cells of one backbone have in common."""
    its = identity
    kind = its.kind or ""
    return its.model, its.weights, kind, its.embedding, its.batch, its.instances, its.threads


class CellLabel(Identity, frozen=True, kw_only=True):
    """A cell's identity, and where its weights come from; None where a report does not give it."""

    weights_origin: WeightsOrigin | None
    weights_sha256: str | None


def label(cell: Cell) -> CellLabel:
    """Return a cell's label."""
    return CellLabel(
        **msgspec.structs.asdict(cell.identity),
        weights_origin=cell.weights_origin,
        weights_sha256=cell.weights_sha256 if isinstance(cell, MeasuredCell) else None,
    )


class Payback(msgspec.Struct, frozen=True, kw_only=True):
    """After how many ``calls`` a target has made up for a slower start ``than`` another's."""

    than: TargetId
    calls: float


class MeasuredSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that has figures: measured here, or quoted from a source.

    ``decimals`` are those of quoted times in milliseconds and of quoted similarities, None for
    measured ones, whose intervals decide. ``times`` are those that are figures, and ``forwards``
    the launches of ``forward`` that count. ``speed`` is how many times as fast ``forward`` runs as
    on the report's first target; None for that target and where it has no times.
    ``speed_to_torch`` is the same for torch on its own device, and ``speed_to_fp32``, of another
    precision, for its own backend and provider in fp32. ``margin`` is the positive's similarity
    minus the negative's, in percentage points. ``peak_share`` is the achieved share of the
    machine's peak, None where no canary shows the peak and in other numbers than float32.
    ``warmup_capped`` counts the launches whose times had not levelled off when warming up had to
    end. ``threads_used`` is how many threads computed a large product, None if unknown.
    ``beyond_events_ns`` is what a call takes beyond the device's own events, where that is much.
    ``busy`` are the times that are left out because the machine was too busy for figures.
    ``page_faults`` are those of a call of ``forward``, and ``energy`` is that of a picture, None
    where the machine does not tell and under a load. ``payback`` compares it with its own backend
    without variants, or else with the first target; None unless its start is much slower, and its
    calls are certainly faster. ``confirmed`` are the queries that prove a rate within the latency
    bound. Over a long run, ``time_trend`` is the change of the logarithm of a call's time, and
    ``memory_trend`` that of the worker's memory in bytes.
    """

    target: TargetId
    decimals: int | None = None
    weights_origin: WeightsOrigin
    embedding_dim: int
    times: Mapping[TimeKey, Estimate]
    forwards: Sequence[Launch] = ()
    similarity: Similarity
    speed: Ratio | None = None
    speed_to_torch: Ratio | None = None
    speed_to_fp32: Ratio | None = None
    payback: Payback | None = None
    parity: Parity | None = None
    margin: float | None
    peak_share: float | None = None
    memory: Memory | None = None
    threads_used: float | None = None
    warmup_capped: int = 0
    beyond_events_ns: float | None = None
    busy: frozenset[TimeKey] = frozenset()
    page_faults: float | None = None
    energy: Energy | None = None
    confirmed: Run | None = None
    time_trend: Trend | None = None
    memory_trend: Trend | None = None
    placement: Mapping[str, int] = {}
    shape_nodes: int = 0

    @property
    def intervals(self) -> Iterator[Estimate | Ratio]:
        """Every figure that has an interval, if it has more than one launch."""
        return chain(self.times.values(), filter(None, (self.speed, self.speed_to_fp32)))


class FailedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that failed: at which stage, why, and the command that repeats it."""

    target: TargetId
    stage: str
    reason: str
    command: str


def pictures_of(its: "Identity | BackboneSummary") -> int:
    """Return how many pictures are embedded in the time of ``forward``."""
    return its.batch * (its.instances if its.scenario == "multi-stream" else 1)


class BackboneSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone on every target, in the report's order of targets.

    ``weights_origin`` is None if no cell got as far as its weights. ``catalogue`` has what holds
    for these weights. ``fastest`` names, for ``forward`` and for each picture's pipeline, the
    fastest target and all that are tied with it; none for fewer than two. Of ``rounds``,
    ``excluded`` were disturbed and do not count; a ``noisy`` backbone had so many that all count.
    ``busy`` is how busy the machine was at worst, None where it was never too busy for figures.
    ``stop`` is how its launches ended, if known, and ``budget_seconds`` the time that they were
    given. ``rate``, ``latency_bound`` and ``shared_session`` are those of the identities. ``price``
    is that of the node, None where it is not known, and at a given rate, which is no throughput.
    """

    model: str
    weights: str
    embedding: str
    batch: int
    threads: int | None
    instances: int = 1
    scenario: Scenario = SINGLE_STREAM
    rate: float | None = None
    latency_bound: float | None = None
    shared_session: bool = False
    weights_origin: WeightsOrigin | None
    catalogue: Published
    cells: tuple[MeasuredSummary | FailedSummary, ...]
    fastest: Mapping[TimeKey, tuple[TargetId, ...]]
    rounds: int
    excluded: int
    noisy: bool
    busy: Busyness | None = None
    stop: Stop | None
    budget_seconds: float | None = None
    price: Price | None = None

    @property
    def setting(self) -> Setting:
        """What its cells differ in from the same backbone's others in a sweep."""
        return Setting(self.batch, self.threads or 0, self.instances)

    @property
    def pictures(self) -> int:
        """How many pictures are embedded in the time of ``forward``."""
        return pictures_of(self)

    @property
    def measured(self) -> tuple[MeasuredSummary, ...]:
        """The cells that have figures."""
        return tuple(cell for cell in self.cells if isinstance(cell, MeasuredSummary))

    @property
    def quoted(self) -> bool:
        """Whether its figures are quoted."""
        return any(cell.decimals is not None for cell in self.measured)

    @property
    def failed(self) -> tuple[FailedSummary, ...]:
        """The cells that failed."""
        return tuple(cell for cell in self.cells if isinstance(cell, FailedSummary))


Over = Literal["batch", "threads", "instances"]


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The throughput of a backbone on a target, over the batch, threads or instances alone.

    ``points`` are the backbone in each setting, with its cell on the target. ``gains`` are their
    throughputs relative to the first one, None without times. ``knee`` are the places of the
    smallest batch that may be, and of the smallest that certainly is, within ``KNEE_SHARE`` of the
    best; None without times. ``is_usual`` marks a curve through the first setting: with the most
    threads, or with the smallest batch.
    """

    target: TargetId
    over: Over
    points: tuple[tuple[BackboneSummary, MeasuredSummary | FailedSummary], ...]
    gains: tuple[Ratio | None, ...] = ()
    knee: tuple[int, int] | None = None
    is_usual: bool = False

    @property
    def backbone(self) -> BackboneSummary:
        """The backbone in the first setting."""
        return self.points[0][0]


OUTSIDE = "outside the ranges"
"""Label of what is outside all ranges."""


class RangeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The backbones of one range; it is None for those outside all ranges.

    ``drift`` is the share by which the machine's speed differed between the backbones, which are
    not measured in the same rounds, of each target of the report. ``settings`` are the backbones in
    every setting of a sweep, and ``backbones`` those of its first one; without a sweep both are the
    same.
    """

    range: Range | None
    backbones: tuple[BackboneSummary, ...]
    drift: Mapping[TargetId, float]
    settings: tuple[BackboneSummary, ...]
    curves: tuple[Curve, ...] = ()

    @property
    def label(self) -> str:
        """The range as it can be typed."""
        return self.range.label if self.range else OUTSIDE
