"""Kinds of nodes: the part of a report that each measured, its costs, and kinds compared. Pure.

Cells of one kind were measured in the same rounds. Nothing of two kinds is paired.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from simx.common import grouped
from simx.results.schema.report import Kind, Price, Report
from simx.results.schema.times import FORWARD
from simx.results.statistics.drift import between_nodes, drift
from simx.results.statistics.estimates import Estimate, fastest
from simx.results.summaries.derivation import backbones, canaries_of, targets
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    MeasuredSummary,
    TargetId,
)

Place = tuple[str, TargetId]
"""The name of a kind, and a target on it."""


def cost(forward: Estimate, pictures: int, price: Price) -> Estimate:
    """Return what a million pictures cost, in the price's currency in place of nanoseconds.

    Args:
        forward: the time of a call.
        pictures: that are embedded in this time.
        price: of the whole node.
    """
    factor = price.amount / 3600e9 * 1e6 / pictures
    ends = (forward.median_ns, forward.low_ns, forward.high_ns)
    median, low, high = (None if end is None else end * factor for end in ends)
    return msgspec.structs.replace(forward, median_ns=median, low_ns=low, high_ns=high)


def parts(report: Report) -> tuple[Report, ...]:
    """Return what each kind of nodes measured, as a report of its own; notes are in the first.

    Other reports than those of each kind are returned as they are.
    """
    if report.config is None or report.config.per is None:
        return (report,)
    measured = {cell.identity.kind for cell in report.cells}
    found = [_part(report, kind) for kind in report.kinds if kind.name in measured]
    return (*found[:1], *(msgspec.structs.replace(each, notes=()) for each in found[1:]))


def _part(report: Report, kind: Kind) -> Report:
    places = [place for place, of in enumerate(report.nodes, 1) if of.kind == kind.name]
    number = {place: number for number, place in enumerate(places, 1)}
    return msgspec.structs.replace(
        report,
        environment=kind.environment,
        config=report.config and msgspec.structs.replace(report.config, threads=kind.threads),
        kinds=(kind,),
        cells=tuple(each for each in report.cells if each.identity.kind == kind.name),
        canary=tuple(each for each in report.canary if each.kind == kind.name),
        preparations=tuple(each for each in report.preparations if each.kind == kind.name),
        stops=tuple(
            msgspec.structs.replace(each, node=number.get(each.node or 0))
            for each in report.stops
            if each.kind == kind.name
        ),
        nodes=tuple(report.nodes[place - 1] for place in places),
    )


class AcrossKinds(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone on all kinds and targets where it was measured.

    ``fastest`` and ``cheapest`` have the best place, and then all that cannot be told from it.
    """

    cells: Mapping[Place, tuple[BackboneSummary, MeasuredSummary | FailedSummary]]
    fastest: tuple[Place, ...]
    cheapest: tuple[Place, ...]

    @property
    def backbone(self) -> BackboneSummary:
        """The backbone on the first kind; on others it may have other threads."""
        return next(iter(self.cells.values()))[0]


def across(reports: Sequence[Report], allowance: float) -> tuple[AcrossKinds, ...]:
    """Return the backbones of a report's ``parts``, of a sweep those of its first setting.

    Args:
        reports: the parts.
        allowance: the share by which kinds have to differ beyond their intervals.
    """
    found = ((part.kinds[0].name, each) for part in reports for each in backbones(part))
    # Kinds have threads of their own.
    by_name = grouped(found, lambda of: (of[1].model, of[1].weights, of[1].batch, of[1].instances))
    rows = []
    for of_kinds in by_name.values():
        cells = {(kind, cell.target): (of, cell) for kind, of in of_kinds for cell in of.cells}
        times = {
            place: (time, of)
            for place, (of, cell) in cells.items()
            if isinstance(cell, MeasuredSummary) and (time := cell.times.get(FORWARD))
        }
        costs = {
            place: cost(time, of.pictures, of.price)
            for place, (time, of) in times.items()
            if of.price
        }
        best = fastest([time for time, _ in times.values()], allowance)
        cheapest = fastest([*costs.values()], allowance)
        rows.append(
            AcrossKinds(
                cells=cells,
                fastest=tuple([*times][index] for index in best),
                cheapest=tuple([*costs][index] for index in cheapest),
            )
        )
    return tuple(rows)


def allowance(reports: Sequence[Report]) -> float:
    """Return the share by which two kinds may differ because of their nodes alone.

    A kind's share is the largest drift of its reference workload, or what its equal nodes differ in
    if that is more, on any target. Those of the two worst kinds add up.
    """
    worst = sorted(max(_shares(part), default=0.0) for part in reports)
    return math.prod(1 + share for share in worst[-2:]) - 1


def _shares(part: Report) -> Iterator[float]:
    for target in targets(part):
        canaries = canaries_of(part, target)
        yield drift(canaries, [(each.model, each.weights) for each in canaries])
        yield between_nodes(part, target)
