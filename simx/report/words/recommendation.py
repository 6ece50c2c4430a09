"""A decision in words: one sentence with the answer, and notes."""

from collections.abc import Iterator

from simx.report.words import figures
from simx.report.words.names import (
    NO_INTERVAL,
    NOISY,
    RANDOM,
    backbone_name,
    target_name,
)
from simx.report.words.notes import AGAIN, IMPRECISE_NOTE, busy_notes
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.summaries.decision import Contender, Decision, Order
from simx.results.summaries.selection_criteria import LatencyOf, Limits

LATENCY_NAMES: dict[LatencyOf, str] = {
    "forward": "forward latency",
    "pipeline": "pipeline latency of the positive",
}

_ORDERS: dict[Order, str] = {
    "fastest": "the fastest first; among ties, the most accurate",
    "most accurate": "the most accurate first; of equally accurate ones, the faster",
}


def title(decision: Decision) -> str:
    """Return the heading of a decision, with its target."""
    return (
        f"Which backbone to take on {target_name(decision.target)}, by "
        f"{LATENCY_NAMES[decision.latency_of]}, accuracy and margin"
    )


def answer(decision: Decision) -> str:
    """Return one sentence: the backbone to take, or the nearest one if none fits."""
    if not decision.contenders:
        found = f"No backbone has a {LATENCY_NAMES[decision.latency_of]} on "
        found += target_name(decision.target)
        if any(each.busy for each in decision.absent):
            return f"{found}: the machine was too busy; {AGAIN}."
        return f"{found}; --latency-of chooses another one."
    where, limits = target_name(decision.target), _limits_text(decision.limits)
    if not limits:
        return _ends(decision)
    if not decision.fitting:
        near = " and ".join(map(_figures, decision.nearest))
        return f"Nothing on {where} is known to keep {limits}; nearest is {near}."
    count = len(decision.fitting)
    of = f"of the {count} unbeaten ones on {where} that keep {limits}"
    if count == 1:
        praise = f"on {where}, nothing else that is unbeaten keeps {limits}"
    elif decision.order == "most accurate":
        praise = f"{of}, it is the most accurate"
    else:
        praise = f"{of}, none is measurably faster"
    return f"Take {_figures(decision.fitting[0])}: {praise}."


def notes(decision: Decision) -> Iterator[str]:
    """Yield the rule, the order and the marks of a decision."""
    if not decision.contenders:
        yield from busy_notes(decision.absent)
        return
    yield (
        f"unbeaten: {len(decision.pareto_front)} of {len(decision.contenders)}; for each of the "
        "others, an unbeaten one is measurably faster, with at least its accuracy and its margin"
    )
    yield f"order: {_ORDERS[decision.order]}"
    published = " in fp32" if decision.target.is_reduced else ""
    yield (
        f"acc1 is torchvision's published figure for the pretrained weights{published}, not "
        "measured here; margin is the similarity of the positive minus that of the negative, in "
        "percentage points"
    )
    if decision.limits.max_latency_ns is not None:
        yield "a latency is within its limit if its whole interval is"
    if decision.drift:
        yield (
            f"the machine drifted by up to {100 * decision.drift:.1f} % between backbones; a "
            "difference between two that is smaller than their drift does not count"
        )
    if any(each.cell.weights_origin == "random" for each in decision.contenders):
        yield (
            f"{RANDOM} random weights: the margin has no meaning for the pictures and is left out; "
            "acc1 is that of the pretrained weights"
        )
    alone = [each for each in decision.contenders if not figures.has_interval(each.merit.latency)]
    if alone:
        mark = "" if alone[0].backbone.quoted else f"{NO_INTERVAL} "
        yield f"{mark}latencies without an interval are compared as they stand"
    if any(figures.is_imprecise(each.merit.latency) for each in decision.contenders):
        yield IMPRECISE_NOTE
    if any(each.backbone.noisy for each in decision.contenders):
        yield f"{NOISY} too noisy: most rounds were disturbed, and all of them count"
    yield from busy_notes(decision.absent)
    absent = [backbone_name(each) for each in decision.absent if not each.busy]
    if absent:
        yield f"left out, without such a latency there: {', '.join(absent)}"


def _limits_text(limits: Limits) -> str:
    parts = []
    if limits.max_latency_ns is not None:
        parts.append(f"{limits.max_latency_ns / NANOSECONDS_PER_MS:g} ms")
    if limits.min_acc1 is not None:
        parts.append(f"an acc1 of {limits.min_acc1:g} %")
    return " with ".join(parts)


def _ends(decision: Decision) -> str:
    """Return the first and the last backbone of the front."""
    where = f"on {target_name(decision.target)}"
    front = decision.pareto_front
    if len(front) == 1:
        return f"Take {_figures(front[0])}: nothing measured {where} equals it."
    quickest = min(front, key=lambda each: each.merit.latency.median_ns)
    finest = max(front, key=lambda each: each.merit.acc1 or 0)
    return (
        f"Nothing beats these {len(front)} of {len(decision.contenders)} {where}: from "
        f"{_figures(quickest)}, the fastest, to {_figures(finest)}, the most accurate."
    )


def _figures(contender: Contender) -> str:
    backbone, merit = contender.backbone, contender.merit
    latency = figures.time(merit.latency, spread=True, decimals=contender.cell.decimals)
    known = f"{figures.accuracy(backbone, merit.acc1).text} %"
    acc1 = "acc1 unknown" if merit.acc1 is None else known
    return f"{backbone_name(backbone)} ({figures.in_sentence(latency, 'ms')}, {acc1})"
