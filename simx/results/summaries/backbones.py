"""Derives the summary of one backbone: what its rows show. Pure; renders nothing."""

import math
from collections.abc import Callable, Sequence

import msgspec

from simx.models.pictures import IMAGES, Image
from simx.results.files.assembly import forward_of
from simx.results.schema.report import (
    Cell,
    MeasuredCell,
    Published,
    QuotedCell,
    Report,
    WeightsOrigin,
)
from simx.results.schema.times import FORWARD, Block, TimeKey, block_median
from simx.results.statistics.device_events import typical_rest_ns
from simx.results.statistics.drift import device_of, has_share, peaks, rate_of, torch_beside
from simx.results.statistics.energy import energy_per_picture
from simx.results.statistics.estimates import Estimate, Ratio, estimate, fastest
from simx.results.statistics.noise import page_faults
from simx.results.statistics.sustained import confirmed
from simx.results.statistics.trend import Trend, trend
from simx.results.statistics.vector_math import margin
from simx.results.summaries.counted import CountedBackbone, CountedReport, Launches
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    MeasuredSummary,
    Payback,
    TargetId,
    target_of,
)

_SLOW_START = 2.0
"""A start that takes less than this many times as long as another is as good as that one."""

_NAME = ("model", "weights", "embedding", "batch", "threads", "instances")
_LOAD = ("scenario", "rate", "latency_bound", "shared_session")
"""What all cells of a backbone have in common."""

_FIRST: TimeKey = ("first", None)


class Summariser:
    """Summarises backbones of one report, with what each of them needs of the whole of it."""

    def __init__(self, report: Report, targets: Sequence[TargetId]) -> None:
        self.counted = CountedReport(report)
        self._order = targets
        self._peaks = peaks(report)
        self._budget_seconds = report.config.budget_seconds if report.config else None
        self._is_long = report.config is not None and report.config.duration is not None
        self._stops = {(stop.model, stop.weights): stop for stop in report.stops}

    def summarise(self, backbone: CountedBackbone) -> BackboneSummary:
        """Return the summary of one backbone, its cells in the order of the targets."""
        first, *_ = backbone.cells
        its, filtered = first.identity, backbone.filtered
        cells = sorted(backbone.cells, key=lambda cell: self._order.index(target_of(cell.identity)))
        origin = next((each.weights_origin for each in cells if each.weights_origin), None)
        return BackboneSummary(
            **{name: getattr(its, name) for name in (*_NAME, *_LOAD)},
            weights_origin=origin,
            catalogue=holding(cells[0].catalogue, origin),
            cells=tuple(self._cell(cell, backbone) for cell in cells),
            fastest={
                FORWARD: self._forward_fastest(backbone),
                **{
                    ("pipeline", image): self._pipeline_fastest(backbone, image) for image in IMAGES
                },
            },
            rounds=filtered.rounds,
            excluded=filtered.excluded,
            noisy=filtered.noisy,
            busy=max(backbone.busy.values(), key=lambda each: each.lacking, default=None),
            stop=self._stops.get((its.model, its.weights)),
            budget_seconds=self._budget_seconds,
            price=self.counted.price if its.rate is None else None,
        )

    def _cell(self, cell: Cell, backbone: CountedBackbone) -> MeasuredSummary | FailedSummary:
        target = target_of(cell.identity)
        if isinstance(cell, MeasuredCell):
            return self._measured(cell, target, backbone)
        if isinstance(cell, QuotedCell):
            return _quoted(cell, target)
        return FailedSummary(
            target=target, stage=cell.stage, reason=cell.reason, command=cell.command
        )

    def _measured(
        self, cell: MeasuredCell, target: TargetId, backbone: CountedBackbone
    ) -> MeasuredSummary:
        def speed(base: TargetId) -> Ratio | None:
            return None if target == base else self.counted.ratio(backbone, base, target)

        queries, bound = backbone.queries[target], cell.identity.latency_bound
        launches = {key: backbone.of_scope(key).get(target) for key in backbone.times[target]}
        times = {
            key: self.counted.estimate(target, key, found)
            for key, found in launches.items()
            if found and not key[0].startswith("first.")
        }
        return MeasuredSummary(
            target=target,
            weights_origin=cell.weights_origin,
            embedding_dim=cell.embedding_dim,
            times=times,
            forwards=launches.get(FORWARD) or (),
            similarity=cell.similarity,
            speed=speed(self._order[0]),
            speed_to_torch=speed(torch_beside(target)),
            speed_to_fp32=speed(target.in_full),
            payback=self._payback(target, backbone),
            parity=cell.parity,
            margin=margin(cell.similarity),
            peak_share=self._peak_share(cell, times.get(FORWARD)),
            memory=cell.memory,
            threads_used=cell.threads_used,
            warmup_capped=sum(
                launch.warmup is not None and launch.warmup.capped for launch in forward_of(cell)
            ),
            beyond_events_ns=None if backbone.busy else typical_rest_ns(forward_of(cell)),
            busy=frozenset(backbone.busy.keys() & backbone.times[target].keys()),
            page_faults=page_faults(queries),
            energy=None if backbone.busy else energy_per_picture(queries, cell.identity.batch),
            confirmed=confirmed(queries, 1e9 * bound) if bound is not None else None,
            time_trend=self._trend(queries, lambda block: math.log(block_median(block))),
            # What disturbs times changes no memory: disturbed rounds count, too.
            memory_trend=self._trend(forward_of(cell), lambda block: block.noise.resident_bytes),
            placement=cell.placement,
            shape_nodes=cell.shape_nodes,
        )

    def _trend(self, launches: Launches, read: Callable[[Block], float | None]) -> Trend | None:
        """Return how a long run changed what is read of its blocks; None for a usual run."""
        if not self._is_long:
            return None
        found = (read(block) for launch in launches for block in launch.blocks)
        return trend([value for value in found if value is not None])

    def _payback(self, target: TargetId, backbone: CountedBackbone) -> Payback | None:
        than = self._order[0] if target.unvaried == target else target.unvaried
        starts, speed = backbone.of_scope(_FIRST), self.counted.ratio(backbone, than, target)
        if not {target, than} <= starts.keys() or speed is None or (speed.low or 0.0) <= 1:
            return None
        start, other = (estimate(starts[each]).median_ns for each in (target, than))
        gain = estimate(backbone.of_scope(FORWARD)[target]).median_ns * (speed.value - 1)
        calls = (start - other) / gain
        return Payback(than=than, calls=calls) if start >= _SLOW_START * other else None

    def _peak_share(self, cell: MeasuredCell, forward: Estimate | None) -> float | None:
        peak = self._peaks.get(device_of(cell.identity.provider))
        if peak is None or forward is None or not has_share(cell):
            return None
        return rate_of(cell, forward.median_ns) / peak

    def _forward_fastest(self, backbone: CountedBackbone) -> tuple[TargetId, ...]:
        """Return the fastest and all whose ratio to it leaves open that they are as fast."""
        forwards = backbone.of_scope(FORWARD)
        if len(forwards) < 2:  # noqa: PLR2004 - a comparison takes two
            return ()
        best = min(forwards, key=lambda target: estimate(forwards[target]).median_ns)
        tied = [best]
        for other in forwards:
            found = self.counted.ratio(backbone, other, best)
            if other != best and not (found and found.is_above_one(len(forwards) - 1)):
                tied.append(other)
        return tuple(tied)

    def _pipeline_fastest(self, backbone: CountedBackbone, image: Image) -> tuple[TargetId, ...]:
        key: TimeKey = ("pipeline", image)
        pipelines = backbone.of_scope(key)
        if len(pipelines) < 2:  # noqa: PLR2004 - a comparison takes two
            return ()
        times = [self.counted.estimate(target, key, of) for target, of in pipelines.items()]
        return tuple(list(pipelines)[place] for place in fastest(times))


def holding(catalogue: Published, origin: WeightsOrigin | None) -> Published:
    """Return the published figures that hold for weights of an origin.

    Reports up to version 5 have the pretrained weights' accuracies for those of a file, too.
    """
    if origin != "file":
        return catalogue
    return msgspec.structs.replace(catalogue, acc1=None, acc5=None)


def _quoted(cell: QuotedCell, target: TargetId) -> MeasuredSummary:
    return MeasuredSummary(
        target=target,
        decimals=cell.decimals,
        weights_origin=cell.weights_origin,
        embedding_dim=cell.embedding_dim,
        times={(each.scope, each.image): Estimate(median_ns=each.ns) for each in cell.medians},
        similarity=cell.similarity,
        margin=margin(cell.similarity),
    )
