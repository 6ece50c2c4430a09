"""Which backbone to take: the Pareto front on one target, and its members within the limits. Pure.

The front holds the backbones that no other beats. One backbone beats another if it is clearly
faster and at least as accurate, with at least the margin. It is clearly faster if the intervals are
separated by more than the machine's drift between the two. This is a strict order, as for separated
intervals (P. C. Fishburn, "Intransitive indifference with unequal indifference intervals", Journal
of Mathematical Psychology 7, 1970): by the triangle inequality, the drifts over any third backbone
add up to at least the direct one. So beating is a strict order too. It follows that no member of
the front is beaten, that a member beats every other backbone, and that for each backbone within
limits on latency and accuracy some member is within them as well.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal

import msgspec

from simx.common.errors import InputError
from simx.results.schema.report import Report
from simx.results.statistics.drift import levels
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.derivation import backbones, canaries_of, targets
from simx.results.summaries.selection_criteria import LatencyOf, Limits, SelectionCriteria
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary, TargetId

Order = Literal["fastest", "most accurate"]
"""What comes first. Among those tied with the fastest, that is the most accurate."""


class Merit(msgspec.Struct, frozen=True, kw_only=True):
    """The figures by which backbones are compared; None where one is missing or does not count.

    ``acc1`` is in percent, ``margin`` (positive minus negative similarity) in percentage points.
    ``level`` is the logarithm of the canary's time during the measurement: the difference of two
    levels is the machine's drift.
    """

    latency: Estimate
    acc1: float | None
    margin: float | None
    level: float = 0.0

    @property
    def low_ns(self) -> float:
        """The lower end of the latency's interval; without an interval, the latency."""
        return self.latency.median_ns if self.latency.low_ns is None else self.latency.low_ns

    @property
    def high_ns(self) -> float:
        """The upper end of the latency's interval; without an interval, the latency."""
        return self.latency.median_ns if self.latency.high_ns is None else self.latency.high_ns


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone that has a latency on the decision's target."""

    backbone: BackboneSummary
    cell: MeasuredSummary
    merit: Merit


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The Pareto front of one target, and its members within the limits.

    ``contenders`` are in the order of the tables; ``absent`` backbones have no latency.
    ``pareto_front``, and ``fitting``, the part of it that keeps the limits, are in ``order``. If
    nothing fits, ``nearest`` misses one limit by least. ``drift`` is the largest relative
    difference of the machine's speed between two contenders.
    """

    target: TargetId
    latency_of: LatencyOf
    limits: Limits
    order: Order
    drift: float
    contenders: tuple[Contender, ...]
    absent: tuple[BackboneSummary, ...]
    pareto_front: tuple[Contender, ...]
    fitting: tuple[Contender, ...]
    nearest: tuple[Contender, ...]


def decisions(report: Report, criteria: SelectionCriteria) -> tuple[Decision, ...]:
    """Return a decision for each target that the criteria select.

    Raises:
        InputError: the report has no such target.
    """
    summaries, selected = backbones(report), selected_targets(report, criteria)
    return tuple(decide(report, summaries, target, criteria) for target in selected)


def selected_targets(report: Report, criteria: SelectionCriteria) -> tuple[TargetId, ...]:
    """Return the targets that the criteria select, in the report's order.

    Raises:
        InputError: the report has none of them.
    """
    known = targets(report)
    if not criteria.narrows:
        return known[:1]
    selections = (criteria.backends, criteria.providers, criteria.precisions)
    matching = tuple(
        target
        for target in known
        if all(
            not names or name in names
            for name, names in zip(msgspec.structs.astuple(target), selections, strict=True)
        )
    )
    if not matching:
        names = ", ".join(chain(*selections))
        there = ", ".join(
            f"{each.backend} {each.provider}{f' {each.precision}' if each.is_reduced else ''}"
            for each in known
        )
        raise InputError(
            f"{names}: not in the report of {report.created}; choose with --backend, --provider "
            f"and --precision among {there or 'nothing'}"
        )
    return matching


def decide(
    report: Report,
    summaries: Sequence[BackboneSummary],
    target: TargetId,
    criteria: SelectionCriteria,
) -> Decision:
    """Return the Pareto front of a report on one target.

    Args:
        report: Its canaries give the drift.
        summaries: Of its backbones; see ``derivation.backbones``.
        target: Its latencies are compared.
        criteria: Which latency counts, and which limits apply.
    """
    limits, speeds = criteria.limits, levels(canaries_of(report, target))
    found = [_contender(backbone, target, criteria.latency_of, speeds) for backbone in summaries]
    contenders = [contender for contender in found if contender is not None]
    drifts = [each.merit.level for each in contenders] or [0.0]
    order: Order = "fastest" if limits.max_latency_ns is None else "most accurate"
    unbeaten = [contenders[place] for place in pareto_front([each.merit for each in contenders])]
    ranked = ordered(unbeaten, order)
    fitting = tuple(each for each in ranked if keeps(each.merit, limits))
    return Decision(
        target=target,
        latency_of=criteria.latency_of,
        limits=limits,
        order=order,
        drift=math.expm1(max(drifts) - min(drifts)),
        contenders=tuple(contenders),
        absent=tuple(
            backbone for backbone, each in zip(summaries, found, strict=True) if each is None
        ),
        pareto_front=ranked,
        fitting=fitting,
        nearest=() if fitting else _nearest(ranked, limits),
    )


def pareto_front(merits: Sequence[Merit]) -> tuple[int, ...]:
    """Return the indices of the backbones that no other one beats, in ascending order."""
    return tuple(
        place
        for place, merit in enumerate(merits)
        if not any(beats(other, merit) for other in merits)
    )


def beats(one: Merit, other: Merit) -> bool:
    """Whether ``one`` beats ``other``. A missing figure counts as below any other."""
    return (
        clearly_faster(one, other)
        and known(one.acc1) >= known(other.acc1)
        and known(one.margin) >= known(other.margin)
    )


def clearly_faster(one: Merit, other: Merit) -> bool:
    """Whether the latencies' intervals are separated by more than the machine's drift.

    A latency without an interval counts as an interval of no width.
    """
    return one.high_ns * math.exp(abs(one.level - other.level)) < other.low_ns


def known(figure: float | None) -> float:
    """Return a figure, or minus infinity where it is missing."""
    return -math.inf if figure is None else figure


def latency(cell: MeasuredSummary, latency_of: LatencyOf) -> Estimate | None:
    """Return a cell's latency, None where it was not measured."""
    return cell.forward if latency_of == "forward" else cell.images["positive"].pipeline


def keeps(merit: Merit, limits: Limits) -> bool:
    """Whether the latency's whole interval and a known accuracy are within the limits."""
    return _keeps_latency(merit, limits) and _keeps_accuracy(merit, limits)


def ordered(contenders: Iterable[Contender], order: Order) -> tuple[Contender, ...]:
    """Return contenders best first.

    ``fastest`` sorts in groups: the fastest and all that are tied with it, by accuracy; then the
    same for the rest. Among equally accurate ones, the faster comes first.
    """
    left = sorted(contenders, key=lambda each: each.merit.latency.median_ns)
    if order == "most accurate":
        return tuple(sorted(left, key=_inaccuracy))
    ranked: list[Contender] = []
    while left:
        slower = [each for each in left if clearly_faster(left[0].merit, each.merit)]
        ranked += sorted((each for each in left if each not in slower), key=_inaccuracy)
        left = slower
    return tuple(ranked)


def _contender(
    backbone: BackboneSummary,
    target: TargetId,
    latency_of: LatencyOf,
    speeds: Mapping[tuple[str, str], float],
) -> Contender | None:
    cell = next((cell for cell in backbone.measured if cell.target == target), None)
    time = latency(cell, latency_of) if cell else None
    if cell is None or time is None:
        return None
    usual = math.fsum(speeds.values()) / len(speeds) if speeds else 0.0
    merit = Merit(
        latency=time,
        acc1=backbone.catalogue.acc1,
        # A margin of random weights means nothing.
        margin=None if cell.weights_origin == "random" else cell.margin,
        level=speeds.get((backbone.model, backbone.weights), usual),
    )
    return Contender(backbone=backbone, cell=cell, merit=merit)


def _nearest(ranked: Sequence[Contender], limits: Limits) -> tuple[Contender, ...]:
    """Return those that miss a single limit, by least; the ends of the front if there are none."""
    accurate = [each for each in ranked if _keeps_accuracy(each.merit, limits)]
    quick = [each for each in ranked if _keeps_latency(each.merit, limits)]
    best: list[Contender] = []
    if limits.max_latency_ns is not None:
        best += ordered(accurate, "fastest")[:1]
    if limits.min_acc1 is not None:
        best += ordered(quick, "most accurate")[:1]
    if not best:
        best += ordered(ranked, "fastest")[:1]
        best += ordered(ranked, "most accurate")[:1]
    return tuple(each for place, each in enumerate(best) if each not in best[:place])


def _keeps_latency(merit: Merit, limits: Limits) -> bool:
    return limits.max_latency_ns is None or merit.high_ns <= limits.max_latency_ns


def _keeps_accuracy(merit: Merit, limits: Limits) -> bool:
    return limits.min_acc1 is None or known(merit.acc1) >= limits.min_acc1


def _inaccuracy(contender: Contender) -> float:
    return -known(contender.merit.acc1)
