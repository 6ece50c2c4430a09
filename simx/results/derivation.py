"""Derives the summary of a report: what its tables show.

Pure; renders nothing.
"""

import math
import re
from collections.abc import Mapping, Sequence

from simx.models.ranges import Range
from simx.results.schema import (
    COMPARED_IMAGES,
    IMAGES,
    Cell,
    FailedCell,
    Image,
    Launch,
    MeasuredCell,
    Report,
    Scope,
    Similarity,
)
from simx.results.statistics import Estimate, Ratio, estimate, fastest, ratio
from simx.results.summary import (
    BackboneSummary,
    Executor,
    FailedSummary,
    ImageSummary,
    MeasuredSummary,
    RangeSummary,
)

OUTSIDE = "outside the ranges"
"""Label of the backbones that no range holds, so that edges of one's own drop nothing."""

Launches = Sequence[Launch]
Timings = Mapping[tuple[Scope, Image | None], Launches]


def executors(report: Report) -> tuple[Executor, ...]:
    """Return every backend and provider of a report, backends in the order they were asked for."""
    asked = {backend: place for place, backend in enumerate(report.config.backends)}
    seen = dict.fromkeys(_executor(cell) for cell in report.cells)
    return tuple(sorted(seen, key=lambda executor: asked.get(executor.backend, len(asked))))


def by_range(report: Report, ranges: Sequence[Range]) -> tuple[RangeSummary, ...]:
    """Return the ranges that hold a backbone of the report, with their backbones.

    Args:
        report: What was measured.
        ranges: In the order the tables shall have.

    Returns:
        Backbones by name (``resnet18`` before ``resnet101``) and weights; those that no range
        holds come last, under ``OUTSIDE``.
    """
    left = _backbones(report)
    summaries = []
    for bounds in ranges:
        inside = [item for item in left if item.catalogue.gflops in bounds]
        left = [item for item in left if item.catalogue.gflops not in bounds]
        high = bounds.high if math.isfinite(bounds.high) else None
        summaries.append(
            RangeSummary(label=bounds.label, low=bounds.low, high=high, backbones=tuple(inside))
        )
    summaries.append(RangeSummary(label=OUTSIDE, low=None, high=None, backbones=tuple(left)))
    return tuple(summary for summary in summaries if summary.backbones)


def _executor(cell: Cell) -> Executor:
    return Executor(cell.identity.backend, cell.identity.provider)


def _backbones(report: Report) -> list[BackboneSummary]:
    order = executors(report)
    groups: dict[tuple[str, str, str, str, int, int], list[Cell]] = {}
    for cell in report.cells:
        its = cell.identity
        key = (its.model, its.weights, its.embedding, its.precision, its.batch, its.threads)
        groups.setdefault(key, []).append(cell)
    keys = sorted(groups, key=lambda key: (_natural(key[0]), _natural(key[1]), key[2:]))
    return [
        _backbone(sorted(groups[key], key=lambda cell: order.index(_executor(cell))), order[0])
        for key in keys
    ]


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``resnet18`` before ``resnet101``."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _backbone(cells: Sequence[Cell], baseline: Executor) -> BackboneSummary:
    timings = {_executor(cell): _timings(cell) for cell in cells if isinstance(cell, MeasuredCell)}
    forwards = {
        executor: of_cell[("forward", None)]
        for executor, of_cell in timings.items()
        if ("forward", None) in of_cell
    }
    its, catalogue = cells[0].identity, cells[0].catalogue
    summaries = tuple(
        _failed(cell)
        if isinstance(cell, FailedCell)
        else _measured(cell, timings[_executor(cell)], _speed(forwards, _executor(cell), baseline))
        for cell in cells
    )
    measured = [cell for cell in summaries if isinstance(cell, MeasuredSummary)]
    return BackboneSummary(
        model=its.model,
        weights=its.weights,
        embedding=its.embedding,
        precision=its.precision,
        batch=its.batch,
        threads=its.threads,
        catalogue=catalogue,
        cells=summaries,
        forward_fastest=_forward_fastest(forwards),
        pipeline_fastest={image: _pipeline_fastest(measured, image) for image in IMAGES},
    )


def _timings(cell: MeasuredCell) -> Timings:
    return {(timing.scope, timing.image): timing.launches for timing in cell.timings}


def _speed(
    forwards: Mapping[Executor, Launches], executor: Executor, baseline: Executor
) -> Ratio | None:
    if executor == baseline or executor not in forwards or baseline not in forwards:
        return None
    return ratio(forwards[baseline], forwards[executor])


def _forward_fastest(forwards: Mapping[Executor, Launches]) -> Executor | None:
    estimates = {executor: estimate(launches) for executor, launches in forwards.items()}
    best = min(estimates, key=lambda executor: estimates[executor].median_ns, default=None)
    others = [executor for executor in forwards if executor != best]
    if best is None or not others:
        return None
    ratios = [ratio(forwards[other], forwards[best]) for other in others]
    beaten = all(each and each.low is not None and each.low > 1 for each in ratios)
    return best if beaten else None


def _pipeline_fastest(cells: Sequence[MeasuredSummary], image: Image) -> Executor | None:
    times = {cell.executor: time for cell in cells if (time := cell.images[image].pipeline)}
    best = fastest(list(times.values()))
    return list(times)[best[0]] if len(times) > 1 and len(best) == 1 else None


def _failed(cell: FailedCell) -> FailedSummary:
    return FailedSummary(
        executor=_executor(cell), stage=cell.stage, reason=cell.reason, command=cell.command
    )


def _measured(cell: MeasuredCell, timings: Timings, speed: Ratio | None) -> MeasuredSummary:
    similarity = cell.similarity
    return MeasuredSummary(
        executor=_executor(cell),
        few_calls=cell.few_calls,
        weights_origin=cell.weights_origin,
        embedding_dim=cell.embedding_dim,
        images={image: _image(timings, similarity, image) for image in IMAGES},
        forward=_estimate(timings, "forward"),
        host=_estimate(timings, "host"),
        first=_estimate(timings, "first"),
        speed=speed,
        parity=cell.parity,
        margin=_margin(similarity),
        placement=cell.placement,
    )


def _image(timings: Timings, similarity: Similarity, image: Image) -> ImageSummary:
    return ImageSummary(
        pipeline=_estimate(timings, "pipeline", image),
        decode=_estimate(timings, "pipeline.decode", image),
        preprocess=_estimate(timings, "pipeline.preprocess", image),
        forward=_estimate(timings, "pipeline.forward", image),
        similarity_time=_estimate(timings, "similarity", image),
        similarity_percent=getattr(similarity, image) if image in COMPARED_IMAGES else None,
    )


def _estimate(timings: Timings, scope: Scope, image: Image | None = None) -> Estimate | None:
    launches = timings.get((scope, image))
    return estimate(launches) if launches else None


def _margin(similarity: Similarity) -> float | None:
    if similarity.positive is None or similarity.negative is None:
        return None
    return similarity.positive - similarity.negative
