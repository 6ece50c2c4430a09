"""Derives the summary of one backbone: what its rows show. Pure; renders nothing."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.results.files.assembly import forward_of
from simx.results.schema.report import (
    Canary,
    Cell,
    MeasuredCell,
    Published,
    QuotedCell,
    Report,
    Similarity,
    WeightsOrigin,
)
from simx.results.schema.times import Launch, Scope
from simx.results.statistics import round_filter
from simx.results.statistics.device_events import typical_rest_ns
from simx.results.statistics.drift import device_of, peak_share, peaks, torch_beside
from simx.results.statistics.embedding_similarity import margin
from simx.results.statistics.estimates import Estimate, Ratio, estimate, fastest, ratio
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    ImageSummary,
    MeasuredSummary,
    TargetId,
    target_of,
)

Launches = Sequence[Launch]
Key = tuple[Scope, Image | None]
Timings = Mapping[Key, Launches]

_FORWARD: Key = ("forward", None)


class Summariser:
    """Summarises backbones of one report, with what each of them needs of the whole of it."""

    def __init__(self, report: Report, baseline: TargetId) -> None:
        self._baseline = baseline
        self._pilot = report.config.pilot if report.config else None
        self._budget_seconds = report.config.budget_seconds if report.config else None
        self._undisturbed_ns = round_filter.references(report.canary)
        self._peaks = peaks(report.canary, self._undisturbed_ns)
        self._canaries: dict[tuple[str, str], list[Canary]] = defaultdict(list)
        for canary in report.canary:
            self._canaries[canary.model, canary.weights].append(canary)
        self._stops = {(stop.model, stop.weights): stop for stop in report.stops}

    def summarise(self, cells: Sequence[Cell]) -> BackboneSummary:
        """Return the summary of all cells of one backbone, in the order of their targets."""
        its = cells[0].identity
        origin = next((each.weights_origin for each in cells if each.weights_origin), None)
        measured = [cell for cell in cells if isinstance(cell, MeasuredCell)]
        filtered, timings = self.counted(measured)
        return BackboneSummary(
            model=its.model,
            weights=its.weights,
            embedding=its.embedding,
            batch=its.batch,
            threads=its.threads,
            weights_origin=origin,
            catalogue=holding(cells[0].catalogue, origin),
            cells=tuple(self._cell(cell, timings) for cell in cells),
            forward_fastest=self._forward_fastest(_of_scope(timings, _FORWARD)),
            pipeline_fastest={image: self._pipeline_fastest(timings, image) for image in IMAGES},
            rounds=filtered.rounds,
            excluded=filtered.excluded,
            noisy=filtered.noisy,
            stop=self._stops.get((its.model, its.weights)),
            budget_seconds=self._budget_seconds,
        )

    def counted(
        self, cells: Sequence[MeasuredCell]
    ) -> tuple[round_filter.FilteredRounds, dict[TargetId, Timings]]:
        """Return which rounds of a backbone count, and what counts of every cell's times.

        ``forward`` is judged by rounds, every other scope by its blocks.
        """
        its = [cell.identity for cell in cells]
        canaries = self._canaries[its[0].model, its[0].weights] if its else []
        times = {
            target_of(cell.identity): {
                (timing.scope, timing.image): timing.launches for timing in cell.timings
            }
            for cell in cells
        }
        forwards = [of_cell[_FORWARD] for of_cell in times.values() if _FORWARD in of_cell]
        filtered = round_filter.filter_rounds(forwards, canaries, self._undisturbed_ns)
        rounds = iter(filtered.cells)
        return filtered, {
            target: {
                key: next(rounds) if key == _FORWARD else round_filter.filter_blocks(launches)
                for key, launches in of_cell.items()
            }
            for target, of_cell in times.items()
        }

    def _cell(
        self, cell: Cell, timings: Mapping[TargetId, Timings]
    ) -> MeasuredSummary | FailedSummary:
        target = target_of(cell.identity)
        if isinstance(cell, MeasuredCell):
            return self._measured(cell, target, timings)
        if isinstance(cell, QuotedCell):
            return _quoted(cell, target)
        return FailedSummary(
            target=target, stage=cell.stage, reason=cell.reason, command=cell.command
        )

    def _measured(
        self, cell: MeasuredCell, target: TargetId, timings: Mapping[TargetId, Timings]
    ) -> MeasuredSummary:
        forwards = _of_scope(timings, _FORWARD)

        def typical(scope: Scope, image: Image | None = None) -> Estimate | None:
            launches = timings[target].get((scope, image))
            return estimate(launches, self._pilot) if launches else None

        def speed(base: TargetId) -> Ratio | None:
            if target == base or target not in forwards or base not in forwards:
                return None
            return ratio(forwards[base], forwards[target], self._pilot)

        forward = typical("forward")
        return MeasuredSummary(
            target=target,
            weights_origin=cell.weights_origin,
            embedding_dim=cell.embedding_dim,
            images=_images(typical, cell.similarity),
            forward=forward,
            host=typical("host"),
            first=typical("first"),
            speed=speed(self._baseline),
            speed_to_torch=speed(torch_beside(target)),
            speed_to_fp32=speed(target.in_full),
            parity=cell.parity,
            margin=margin(cell.similarity),
            peak_share=self._peak_share(cell, forward),
            memory=cell.memory,
            warmup_capped=sum(
                launch.warmup is not None and launch.warmup.capped for launch in forward_of(cell)
            ),
            beyond_events_ns=typical_rest_ns(forward_of(cell)),
            placement=cell.placement,
            shape_nodes=cell.shape_nodes,
        )

    def _peak_share(self, cell: MeasuredCell, forward: Estimate | None) -> float | None:
        peak = self._peaks.get(device_of(cell.identity.provider))
        if peak is None or forward is None:
            return None
        gmacs = cell.catalogue.embedding_gmacs * cell.identity.batch
        return peak_share(gmacs, forward.median_ns, peak)

    def _forward_fastest(self, forwards: Mapping[TargetId, Launches]) -> tuple[TargetId, ...]:
        """Return the fastest and all whose ratio to it leaves open that they are as fast."""
        if len(forwards) < 2:  # noqa: PLR2004 - a comparison takes two
            return ()
        best = min(forwards, key=lambda target: estimate(forwards[target]).median_ns)
        tied = [best]
        for other in forwards:
            found = ratio(forwards[other], forwards[best], self._pilot)
            if other != best and (found is None or found.low is None or found.low <= 1):
                tied.append(other)
        return tuple(tied)

    def _pipeline_fastest(
        self, timings: Mapping[TargetId, Timings], image: Image
    ) -> tuple[TargetId, ...]:
        pipelines = _of_scope(timings, ("pipeline", image))
        if len(pipelines) < 2:  # noqa: PLR2004 - a comparison takes two
            return ()
        times = [estimate(launches, self._pilot) for launches in pipelines.values()]
        return tuple(list(pipelines)[place] for place in fastest(times))


def holding(catalogue: Published, origin: WeightsOrigin | None) -> Published:
    """Return the published figures that hold for weights of an origin.

    Reports up to version 5 have the pretrained weights' accuracies for those of a file, too.
    """
    if origin != "file":
        return catalogue
    return msgspec.structs.replace(catalogue, acc1=None, acc5=None)


def _quoted(cell: QuotedCell, target: TargetId) -> MeasuredSummary:
    """Return a quoted cell's figures: what its source gives, and nothing that takes raw times."""
    medians = {(median.scope, median.image): median.ns for median in cell.medians}

    def typical(scope: Scope, image: Image | None = None) -> Estimate | None:
        ns = medians.get((scope, image))
        return None if ns is None else Estimate(median_ns=ns)

    return MeasuredSummary(
        target=target,
        decimals=cell.decimals,
        weights_origin=cell.weights_origin,
        embedding_dim=cell.embedding_dim,
        images=_images(typical, cell.similarity),
        forward=typical("forward"),
        host=typical("host"),
        first=typical("first"),
        margin=margin(cell.similarity),
    )


def _images(
    typical: Callable[[Scope, Image | None], Estimate | None], similarity: Similarity
) -> dict[Image, ImageSummary]:
    return {
        image: ImageSummary(
            pipeline=typical("pipeline", image),
            decode=typical("pipeline.decode", image),
            preprocess=typical("pipeline.preprocess", image),
            forward=typical("pipeline.forward", image),
            similarity_time=typical("similarity", image),
            similarity_host=typical("similarity.host", image),
            similarity_percent=getattr(similarity, image) if image in COMPARED_IMAGES else None,
        )
        for image in IMAGES
    }


def _of_scope(timings: Mapping[TargetId, Timings], key: Key) -> dict[TargetId, Launches]:
    """Return the launches of a scope, of each cell in which some of them count."""
    found = {target: of_cell.get(key, ()) for target, of_cell in timings.items()}
    return {target: launches for target, launches in found.items() if launches}
