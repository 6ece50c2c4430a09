"""Which backbone to take: the Pareto front on one target, and its members within the limits. Pure.

With an evaluation of the same networks, the front is that of all targets, and the accuracy is that
on the user's pictures.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Literal

import msgspec

from simx.common.errors import InputError
from simx.results.schema.config import SINGLE_STREAM
from simx.results.schema.evaluation import Estimate as Share
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.report import Report
from simx.results.schema.times import FORWARD
from simx.results.statistics.drift import levels, node_levels
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.derivation import backbones, canaries_of, targets
from simx.results.summaries.joining import Joined, Network, join
from simx.results.summaries.kinds import parts
from simx.results.summaries.merit import (
    Merit,
    clearly_faster,
    clearly_more_accurate,
    keeps,
    pareto_front,
)
from simx.results.summaries.selection_criteria import LatencyOf, Limits, SelectionCriteria
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary, TargetId

Order = Literal["fastest", "most accurate"]
"""What comes first. Among those tied with the fastest, that is the most accurate; among those that
cannot be told apart from the most accurate, the fastest."""


class Contender(Merit, frozen=True, kw_only=True):
    """A backbone that has a latency on a target of the decision, with its merit."""

    backbone: BackboneSummary
    cell: MeasuredSummary


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The Pareto front of one target, and its members within the limits.

    ``target`` is None, and the front that of several targets, where ``reports`` are ``joined`` with
    an evaluation. ``contenders`` are in the order of the tables; ``absent`` backbones have no
    latency there. ``pareto_front``, and ``fitting``, the part of it that keeps the limits, are in
    ``order``. If nothing fits, ``nearest`` misses one limit by least. ``drift`` is the largest
    relative difference of the machine's speed between two contenders.
    """

    reports: tuple[Report, ...]
    target: TargetId | None
    latency_of: LatencyOf
    limits: Limits
    order: Order
    drift: float
    contenders: tuple[Contender, ...]
    absent: tuple[tuple[BackboneSummary, TargetId], ...]
    pareto_front: tuple[Contender, ...]
    fitting: tuple[Contender, ...]
    nearest: tuple[Contender, ...]
    joined: Joined | None = None

    @property
    def is_single(self) -> bool:
        """Whether the first one of ``fitting`` is the answer."""
        return len(self.fitting) == 1 or (self.limits.any and bool(self.fitting))

    def ranked(self, contender: Contender) -> Share | None:
        """Return the figure that ranks embeddings; None without an evaluation."""
        return contender.on_pictures(self.joined.evaluation.ranked_by) if self.joined else None


def decisions(
    reports: Sequence[Report], criteria: SelectionCriteria, evaluation: Evaluation | None = None
) -> tuple[Decision, ...]:
    """Return a decision for each report and selected target.

    If no target is named, that is the first one of each report. With an evaluation of the same
    networks there is one decision for all reports and targets.

    Raises:
        InputError: A report has no such target, a limit has no figure, or the files cannot be
            joined.
    """
    require_figures(criteria.limits, evaluation)
    reports = [part for report in reports for part in parts(report)]
    selected = [selected_targets(report, criteria) for report in reports]
    summaries = list(map(backbones, reports))
    if evaluation is not None:
        joined, every = join(reports, evaluation), tuple(chain.from_iterable(summaries))
        all_targets = tuple(dict.fromkeys(chain.from_iterable(selected)))
        return (decide(reports, every, all_targets, criteria, joined),)
    return tuple(
        decide([report], of, (target,), criteria)
        for report, of, its in zip(reports, summaries, selected, strict=True)
        for target in (its if criteria.narrows else its[:1])
    )


def require_figures(limits: Limits, evaluation: Evaluation | None) -> None:
    """Refuse a limit on a figure that there is not.

    Raises:
        InputError: For ``min_recall`` without an evaluation of classes, ``min_acc1`` with any.
    """
    if limits.min_recall is not None and evaluation is None:
        raise InputError("--min-recall needs an evaluation beside the report; name its file")
    if limits.min_recall is not None and evaluation and evaluation.ranked_by != "map_at_r":
        raise InputError("--min-recall: an evaluation of a list has no Recall@1; omit the limit")
    if limits.min_acc1 is not None and evaluation is not None:
        raise InputError(
            "--min-acc1 limits a published accuracy, which does not count beside an evaluation; "
            "use --min-recall"
        )


def selected_targets(report: Report, criteria: SelectionCriteria) -> tuple[TargetId, ...]:
    """Return the targets that the criteria select, in the report's order.

    Raises:
        InputError: They name targets, and the report has none of them.
    """
    known = targets(report)
    if not criteria.narrows:
        return known
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
    reports: Sequence[Report],
    summaries: Sequence[BackboneSummary],
    selected: Sequence[TargetId],
    criteria: SelectionCriteria,
    joined: Joined | None = None,
) -> Decision:
    """Return the Pareto front of a report on one target, or of several with an evaluation.

    Args:
        reports: Of one machine. Their canaries give the drift.
        summaries: Of their backbones; see ``derivation.backbones``.
        selected: The targets whose latencies are compared.
        criteria: Which latency counts, and which limits apply.
        joined: The reports with an evaluation.
    """
    limits = criteria.limits
    speeds = {target: _levels(reports, target) for target in selected}
    nodes = {target: _node_levels(reports, target) for target in selected}
    places = [
        (backbone, target)
        for backbone in summaries
        for target in selected
        if joined is None or _network(backbone, target) in joined.cells
    ]
    found = [
        _contender(*each, criteria.latency_of, speeds[each[1]], nodes[each[1]], joined)
        for each in places
    ]
    contenders = [contender for contender in found if contender is not None]
    drifts = [each.level for each in contenders] or [0.0]
    of_nodes = [each.node_level for each in contenders] or [0.0]
    order: Order = "fastest" if limits.max_latency_ns is None else "most accurate"
    ranked = ordered((contenders[place] for place in pareto_front(contenders)), order)
    fitting = tuple(each for each in ranked if keeps(each, limits))
    return Decision(
        reports=tuple(reports),
        target=None if joined else selected[0],
        latency_of=criteria.latency_of,
        limits=limits,
        order=order,
        drift=math.expm1(max(max(drifts) - min(drifts), max(of_nodes) - min(of_nodes))),
        contenders=tuple(contenders),
        absent=tuple(place for place, each in zip(places, found, strict=True) if each is None),
        pareto_front=ranked,
        fitting=ordered(fitting, order),
        nearest=() if fitting else _nearest(ranked, limits),
        joined=joined,
    )


def latency(cell: MeasuredSummary, latency_of: LatencyOf) -> Estimate | None:
    """Return a cell's latency, None where it was not measured."""
    return cell.times.get(FORWARD if latency_of == "forward" else ("pipeline", "positive"))


def ordered(contenders: Iterable[Contender], order: Order) -> tuple[Contender, ...]:
    """Return contenders best first.

    They are sorted in groups: the best and all that are not clearly worse, by the other figure;
    then the same for the rest.
    """
    by_time = sorted(contenders, key=attrgetter("latency.median_ns"))
    left = by_time if order == "fastest" else sorted(by_time, key=attrgetter("behind"))
    is_better = clearly_faster if order == "fastest" else clearly_more_accurate
    other = attrgetter("behind" if order == "fastest" else "latency.median_ns")
    ranked: list[Contender] = []
    while left:
        worse = [each for each in left if is_better(left[0], each)]
        ranked += sorted((each for each in left if each not in worse), key=other)
        left = worse
    return tuple(ranked)


def _levels(reports: Sequence[Report], target: TargetId) -> Mapping[tuple[str, str], float]:
    """Return the levels of a target's canaries relative to their mean, by model and weights.

    Those of another backend and device are other products, of which only the changes compare.
    """
    found = levels(chain.from_iterable(canaries_of(report, target) for report in reports))
    mean = math.fsum(found.values()) / max(1, len(found))
    return {backbone: level - mean for backbone, level in found.items()}


def _node_levels(reports: Sequence[Report], target: TargetId) -> Mapping[int, float]:
    """Return those of a report's nodes; those of several reports are not comparable."""
    return node_levels(reports[0], target) if len(reports) == 1 else {}


def _network(backbone: BackboneSummary, target: TargetId) -> Network:
    return backbone.model, backbone.weights, backbone.embedding, target


def _contender(
    backbone: BackboneSummary,
    target: TargetId,
    latency_of: LatencyOf,
    speeds: Mapping[tuple[str, str], float],
    nodes: Mapping[int, float],
    joined: Joined | None,
) -> Contender | None:
    cell = next((cell for cell in backbone.measured if cell.target == target), None)
    time = latency(cell, latency_of) if cell else None
    # A time under load is not the latency of a picture that comes alone.
    if cell is None or time is None or backbone.scenario != SINGLE_STREAM:
        return None
    return Contender(
        backbone=backbone,
        cell=cell,
        latency=time,
        acc1=backbone.catalogue.acc1,
        # A margin of random weights means nothing.
        margin=None if cell.weights_origin == "random" else cell.margin,
        level=speeds.get((backbone.model, backbone.weights), 0.0),
        node_level=nodes.get((backbone.stop and backbone.stop.node) or 0, 0.0),
        evaluated=joined.cells[_network(backbone, target)] if joined else None,
    )


def _nearest(ranked: Sequence[Contender], limits: Limits) -> tuple[Contender, ...]:
    """Return those that miss a single limit, by least; the ends of the front if there are none."""
    of_latency = Limits(max_latency_ns=limits.max_latency_ns)
    of_accuracy = msgspec.structs.replace(limits, max_latency_ns=None)
    accurate = [each for each in ranked if keeps(each, of_accuracy)]
    quick = [each for each in ranked if keeps(each, of_latency)]
    best: list[Contender] = []
    if limits.max_latency_ns is not None:
        best += ordered(accurate, "fastest")[:1]
    if limits.accuracy:
        best += ordered(quick, "most accurate")[:1]
    if not best:
        best += ordered(ranked, "fastest")[:1]
        best += ordered(ranked, "most accurate")[:1]
    return tuple(each for place, each in enumerate(best) if each not in best[:place])
