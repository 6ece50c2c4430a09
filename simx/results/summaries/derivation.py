"""Derives the summary of a report: what its tables show.

Pure; renders nothing.
"""

import math
import re
from collections.abc import Sequence

import msgspec

from simx.models.ranges import Range
from simx.results.schema.partial_placement import without_options, without_partial_placement
from simx.results.schema.report import Canary, Cell, Identity, MeasuredCell, Report
from simx.results.statistics.drift import drift
from simx.results.summaries.backbones import Summariser, Timings
from simx.results.summaries.summary import BackboneSummary, Executor, RangeSummary, executor_of

OUTSIDE = "outside the ranges"
"""Label of the backbones that no range holds, so that edges of one's own drop nothing."""

_Key = tuple[str, str, str, int, int | None]
"""Model, weights, embedding, batch and threads."""


def executors(report: Report) -> tuple[Executor, ...]:
    """Return all that executes in a report, backends in the order they were asked for."""
    backends = report.config.backends if report.config else ()
    seen = dict.fromkeys(executor_of(cell.identity) for cell in report.cells)
    return tuple(sorted(seen, key=lambda each: _place_of(each.backend, backends)))


def _place_of(backend: str, backends: Sequence[str]) -> int:
    """Return the place of a backend's label among the backends that were asked for.

    The label may have further options of a provider, the share of its nodes on it, or neither.
    """
    label = without_partial_placement(backend)
    if label in backends:
        return backends.index(label)
    bare = [without_options(each) for each in backends]
    place = without_options(label)
    return bare.index(place) if place in bare else len(bare)


def by_range(report: Report, ranges: Sequence[Range]) -> tuple[RangeSummary, ...]:
    """Return the ranges that hold a backbone of the report, with their backbones.

    Args:
        report: What was measured.
        ranges: In the order the tables shall have.

    Returns:
        Backbones by name (``resnet18`` before ``resnet101``) and weights; those that no range
        holds come last, under ``OUTSIDE``.
    """
    left = backbones(report)
    summaries = []
    for bounds in ranges:
        inside = [item for item in left if item.catalogue.gflops in bounds]
        left = [item for item in left if item.catalogue.gflops not in bounds]
        high = bounds.high if math.isfinite(bounds.high) else None
        summaries.append(_range(report, bounds.label, bounds.low, high, inside))
    summaries.append(_range(report, OUTSIDE, None, None, left))
    return tuple(summary for summary in summaries if summary.backbones)


def _range(
    report: Report,
    label: str,
    low: float | None,
    high: float | None,
    backbones: Sequence[BackboneSummary],
) -> RangeSummary:
    return RangeSummary(
        label=label,
        low=low,
        high=high,
        backbones=tuple(backbones),
        drift={executor: _drift(report, executor, backbones) for executor in executors(report)},
    )


def _drift(report: Report, executor: Executor, backbones: Sequence[BackboneSummary]) -> float:
    """Return by which share the machine's speed differed between the backbones of a range."""
    measured = [
        (backbone.model, backbone.weights)
        for backbone in backbones
        if any(cell.executor == executor for cell in backbone.measured)
    ]
    return drift(canaries_of(report, executor), measured)


def canaries_of(report: Report, executor: Executor) -> list[Canary]:
    """Return the canaries that were taken on one executor, which all its precisions share."""
    return [
        canary
        for canary in report.canary
        if (canary.backend, canary.provider) == (executor.backend, executor.provider)
    ]


class Counted(msgspec.Struct, frozen=True):
    """What counts of a cell's times; ``noisy`` where most rounds were disturbed, and all count."""

    times: Timings
    noisy: bool


def counted(report: Report) -> dict[Identity, Timings]:
    """Return what counts of every measured cell's times: those of undisturbed rounds and blocks."""
    return {identity: cell.times for identity, cell in counted_cells(report).items()}


def counted_cells(report: Report) -> dict[Identity, Counted]:
    """Return what counts of every measured cell's times, and whether it was too noisy."""
    if not report.cells:
        return {}
    summariser = Summariser(report, executors(report)[0])
    found: dict[Identity, Counted] = {}
    for cells in _groups(report).values():
        measured = [cell for cell in cells if isinstance(cell, MeasuredCell)]
        filtered, timings = summariser.counted(measured)
        for cell in measured:
            found[cell.identity] = Counted(timings[executor_of(cell.identity)], filtered.noisy)
    return found


def backbones(report: Report) -> list[BackboneSummary]:
    """Return every backbone of a report, in the order of the tables."""
    order = executors(report)
    if not order:
        return []
    summariser = Summariser(report, baseline=order[0])
    return [
        summariser.summarise(
            sorted(cells, key=lambda cell: order.index(executor_of(cell.identity)))
        )
        for cells in _groups(report).values()
    ]


def _groups(report: Report) -> dict[_Key, list[Cell]]:
    """Return the cells of each backbone, backbones in the order of the tables."""
    groups: dict[_Key, list[Cell]] = {}
    for cell in report.cells:
        its = cell.identity
        key = (its.model, its.weights, its.embedding, its.batch, its.threads)
        groups.setdefault(key, []).append(cell)
    return {key: groups[key] for key in sorted(groups, key=_place)}


def _place(key: _Key) -> tuple[object, ...]:
    """Return a sort key; an unknown number of threads comes first."""
    model, weights, *settings, threads = key
    return (_natural(model), _natural(weights), *settings, threads or 0)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``resnet18`` before ``resnet101``."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
