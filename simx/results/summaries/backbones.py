"""Derives the summary of one backbone: what its rows show.

Pure; renders nothing.
"""

from collections.abc import Mapping, Sequence

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.results.files.assembly import forward_of
from simx.results.schema.report import (
    Canary,
    Cell,
    FailedCell,
    MeasuredCell,
    QuotedCell,
    Report,
    Similarity,
)
from simx.results.schema.times import Launch, Scope
from simx.results.statistics.device_events import typical_rest_ns
from simx.results.statistics.drift import device_of, peak_share, peaks, torch_beside
from simx.results.statistics.embedding_similarity import margin
from simx.results.statistics.estimates import Estimate, Ratio, estimate, fastest, ratio
from simx.results.statistics.round_filter import (
    FilteredRounds,
    filter_blocks,
    filter_rounds,
    references,
)
from simx.results.summaries.published_figures import quoted_summary
from simx.results.summaries.summary import (
    BackboneSummary,
    Executor,
    FailedSummary,
    ImageSummary,
    MeasuredSummary,
    executor_of,
)

Launches = Sequence[Launch]
Timings = Mapping[tuple[Scope, Image | None], Launches]

_FORWARD: tuple[Scope, Image | None] = ("forward", None)


class Summariser:
    """Summarises backbones of one report, with what each of them needs of the whole of it."""

    def __init__(self, report: Report, baseline: Executor) -> None:
        self._report = report
        self._baseline = baseline
        self._pilot = report.config.pilot if report.config else None
        self._undisturbed_ns = references(report.canary)
        self._peaks = peaks(report.canary, self._undisturbed_ns)
        self._canaries: dict[tuple[str, str], list[Canary]] = {}
        for canary in report.canary:
            self._canaries.setdefault((canary.model, canary.weights), []).append(canary)
        self._stops = {(stop.model, stop.weights): stop for stop in report.stops}

    def summarise(self, cells: Sequence[Cell]) -> BackboneSummary:
        """Return the summary of all cells of one backbone, in the order of their executors."""
        its, catalogue = cells[0].identity, cells[0].catalogue
        measured = [cell for cell in cells if isinstance(cell, MeasuredCell)]
        filtered, timings = self.counted(measured)
        return BackboneSummary(
            model=its.model,
            weights=its.weights,
            embedding=its.embedding,
            batch=its.batch,
            threads=its.threads,
            catalogue=catalogue,
            cells=tuple(self._cell(cell, timings) for cell in cells),
            forward_fastest=self._forward_fastest(_of_scope(timings, _FORWARD)),
            pipeline_fastest={image: self._pipeline_fastest(timings, image) for image in IMAGES},
            rounds=filtered.rounds,
            excluded=filtered.excluded,
            noisy=filtered.noisy,
            stop=self._stops.get((its.model, its.weights)),
        )

    def counted(
        self, cells: Sequence[MeasuredCell]
    ) -> tuple[FilteredRounds, dict[Executor, Timings]]:
        """Return which rounds of a backbone count, and what counts of every cell's times.

        ``forward`` is judged by rounds, every other scope by its blocks.
        """
        its = [cell.identity for cell in cells[:1]]
        canaries = [
            canary for one in its for canary in self._canaries.get((one.model, one.weights), ())
        ]
        forwards = [
            timing.launches
            for cell in cells
            for timing in cell.timings
            if (timing.scope, timing.image) == _FORWARD
        ]
        filtered = filter_rounds(forwards, canaries, self._undisturbed_ns)
        rounds = iter(filtered.cells)
        return filtered, {
            executor_of(cell.identity): {
                (timing.scope, timing.image): next(rounds)
                if (timing.scope, timing.image) == _FORWARD
                else filter_blocks(timing.launches)
                for timing in cell.timings
            }
            for cell in cells
        }

    def _cell(
        self, cell: Cell, timings: Mapping[Executor, Timings]
    ) -> MeasuredSummary | FailedSummary:
        if isinstance(cell, MeasuredCell):
            return self._measured(cell, timings)
        if isinstance(cell, QuotedCell):
            return quoted_summary(cell, executor_of(cell.identity))
        return _failed(cell)

    def _measured(
        self, cell: MeasuredCell, all_timings: Mapping[Executor, Timings]
    ) -> MeasuredSummary:
        executor = executor_of(cell.identity)
        timings, similarity = all_timings[executor], cell.similarity
        forwards = _of_scope(all_timings, _FORWARD)
        forward = self._estimate(timings, *_FORWARD)
        return MeasuredSummary(
            executor=executor,
            decimals=None,
            few_calls=cell.few_calls,
            weights_origin=cell.weights_origin,
            embedding_dim=cell.embedding_dim,
            images={image: self._image(timings, similarity, image) for image in IMAGES},
            forward=forward,
            host=self._estimate(timings, "host"),
            first=self._estimate(timings, "first"),
            speed=self._speed(forwards, executor, self._baseline),
            speed_to_torch=self._speed(forwards, executor, torch_beside(executor)),
            speed_to_fp32=self._speed(forwards, executor, executor.in_full),
            parity=cell.parity,
            margin=margin(similarity),
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
        return peak_share(
            cell.catalogue.embedding_gmacs * cell.identity.batch, forward.median_ns, peak
        )

    def _speed(
        self, forwards: Mapping[Executor, Launches], executor: Executor, base: Executor
    ) -> Ratio | None:
        if executor == base or executor not in forwards or base not in forwards:
            return None
        return ratio(forwards[base], forwards[executor], self._pilot)

    def _forward_fastest(self, forwards: Mapping[Executor, Launches]) -> tuple[Executor, ...]:
        """Return the fastest and all whose ratio to it leaves open that they are as fast."""
        if len(forwards) < 2:  # noqa: PLR2004 - there is nothing to compare one with
            return ()
        times = {executor: estimate(launches) for executor, launches in forwards.items()}
        best = min(times, key=lambda executor: times[executor].median_ns)
        others = [executor for executor in forwards if executor != best]
        ratios = {other: ratio(forwards[other], forwards[best], self._pilot) for other in others}
        tied = [
            other
            for other, found in ratios.items()
            if found is None or found.low is None or found.low <= 1
        ]
        return (best, *tied)

    def _pipeline_fastest(
        self, timings: Mapping[Executor, Timings], image: Image
    ) -> tuple[Executor, ...]:
        pipelines = _of_scope(timings, ("pipeline", image))
        if len(pipelines) < 2:  # noqa: PLR2004 - there is nothing to compare one with
            return ()
        times = {
            executor: estimate(launches, self._pilot) for executor, launches in pipelines.items()
        }
        return tuple(list(times)[place] for place in fastest(list(times.values())))

    def _image(self, timings: Timings, similarity: Similarity, image: Image) -> ImageSummary:
        return ImageSummary(
            pipeline=self._estimate(timings, "pipeline", image),
            decode=self._estimate(timings, "pipeline.decode", image),
            preprocess=self._estimate(timings, "pipeline.preprocess", image),
            forward=self._estimate(timings, "pipeline.forward", image),
            similarity_time=self._estimate(timings, "similarity", image),
            similarity_host=self._estimate(timings, "similarity.host", image),
            similarity_percent=getattr(similarity, image) if image in COMPARED_IMAGES else None,
        )

    def _estimate(
        self, timings: Timings, scope: Scope, image: Image | None = None
    ) -> Estimate | None:
        launches = timings.get((scope, image))
        return estimate(launches, self._pilot) if launches else None


def _of_scope(
    timings: Mapping[Executor, Timings], scope: tuple[Scope, Image | None]
) -> dict[Executor, Launches]:
    """Return the launches of a scope, of each cell in which some of them count."""
    found = {executor: of_cell.get(scope, ()) for executor, of_cell in timings.items()}
    return {executor: launches for executor, launches in found.items() if launches}


def _failed(cell: FailedCell) -> FailedSummary:
    return FailedSummary(
        executor=executor_of(cell.identity),
        stage=cell.stage,
        reason=cell.reason,
        command=cell.command,
    )
