"""A decision in words: one sentence with the answer, and how sure it is."""

from simx.common.safe_text import counted
from simx.report.words import figures
from simx.report.words.names import MOST_NAMED, backbone_name, listed, target_name
from simx.report.words.notes import AGAIN
from simx.report.words.shares import FIGURE_NAMES, evaluated_name, on_target, percent
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.summaries.decision import Contender, Decision
from simx.results.summaries.evaluated import best_cell
from simx.results.summaries.merit import verdict
from simx.results.summaries.selection_criteria import LatencyOf, Limits

LATENCY_NAMES: dict[LatencyOf, str] = {
    "forward": "forward latency",
    "pipeline": "pipeline latency of the positive",
}


def title(decision: Decision) -> str:
    """Return the heading of a decision, with its target."""
    by = LATENCY_NAMES[decision.latency_of]
    if decision.joined:
        pictures = decision.joined.evaluation.pictures.pictures
        return f"Which backbone to take, by {by} and accuracy on {counted(pictures, 'picture')}"
    return f"Which backbone to take{_where(decision)}, by {by}, accuracy and margin"


def answer(decision: Decision) -> str:
    """Return the backbone to take, or the nearest one if none fits, and how sure that is."""
    where, limits = _where(decision), _limits_text(decision.limits)
    if not decision.contenders:
        found = f"No backbone has a {LATENCY_NAMES[decision.latency_of]}{where}"
        if any(each.busy for each, _ in decision.absent):
            return f"{found}: the machine was too busy; {AGAIN}."
        return f"{found}; --latency-of chooses another one."
    if not limits:
        return _ends(decision)
    if not decision.fitting:
        near = " and ".join(_figures(each, decision) for each in decision.nearest)
        return f"Nothing{where} is known to keep {limits}; nearest is {near}.{_undecided(decision)}"
    chosen, count = decision.fitting[0], len(decision.fitting)
    of = f"of the {count} unbeaten ones{where} that keep {limits}"
    if count == 1:
        praise = f"nothing else that is unbeaten{where} keeps {limits}"
    elif decision.order == "most accurate":
        praise = f"{of}, it is {_accurate(decision)}"
    else:
        praise = f"{of}, none is measurably faster"
    taken = f"Take {_figures(chosen, decision)}: {praise}."
    if decision.joined:
        taken += f" Its 95 % intervals lie wholly within the limits.{_cost(decision, chosen, 'It')}"
    return f"{taken}{_undecided(decision)}"


def contender_name(contender: Contender) -> str:
    """Return model and weights, and the target where there are several."""
    name = model_name(contender)
    return f"{name} on {target_name(contender.cell.target)}" if contender.evaluated else name


def model_name(contender: Contender) -> str:
    """Return model and weights; of an evaluation, where a file has a name, by that name."""
    of = contender.evaluated
    return evaluated_name(of) if of else backbone_name(contender.backbone)


def _limits_text(limits: Limits) -> str:
    parts = []
    if limits.max_latency_ns is not None:
        parts.append(f"{limits.max_latency_ns / NANOSECONDS_PER_MS:g} ms")
    if limits.min_acc1 is not None:
        parts.append(f"an acc1 of {limits.min_acc1:g} %")
    if limits.min_recall is not None:
        parts.append(f"a Recall@1 of {100 * limits.min_recall:g} %")
    return " with ".join(parts)


def _where(decision: Decision) -> str:
    return f" on {target_name(decision.target)}" if decision.target else ""


def _ends(decision: Decision) -> str:
    where, front = _where(decision), decision.pareto_front
    quickest = min(front, key=lambda each: each.latency.median_ns)
    if len(front) == 1:
        taken = f"Take {_figures(quickest, decision)}: nothing measured{where} equals it."
        return f"{taken}{_cost(decision, quickest, 'It')}"
    finest = min(front, key=lambda each: each.behind[0])
    return (
        f"Nothing beats these {len(front)} of {len(decision.contenders)}{where}: from "
        f"{_figures(quickest, decision)}, the fastest, to {_figures(finest, decision)}, the most "
        f"accurate.{_cost(decision, quickest, 'The fastest')}"
    )


def _accurate(decision: Decision) -> str:
    finest = min(decision.fitting, key=lambda each: each.behind[0])
    if finest.behind[0] == decision.fitting[0].behind[0]:
        return "the most accurate"
    name = contender_name(finest)
    return f"the fastest of those that cannot be told apart from the most accurate, {name}"


def _cost(decision: Decision, taken: Contender, subject: str) -> str:
    joined, its = decision.joined, taken.evaluated
    if joined is None or its is None:
        return ""
    figure = FIGURE_NAMES[joined.evaluation.ranked_by]
    best = best_cell(joined.evaluation.cells)
    if best is None or its.behind.value == best.behind.value:
        return f" {subject} has the best {figure} of all that were evaluated."
    timed = [each for each in decision.contenders if each.evaluated is best]
    takes = f" and takes {_latency(timed[0])}" if timed else ""
    behind = percent(its.behind)
    unsure = its.behind.low is None or its.behind.low <= 0
    return (
        f" {subject} is {behind.text} points of {figure} behind {on_target(best)}, which has the "
        f"best{takes}{'; the two cannot be told apart' if unsure else ''}."
    )


def _undecided(decision: Decision) -> str:
    names = [
        contender_name(each)
        for each in decision.pareto_front
        if verdict(each, decision.limits) == "cannot be told"
    ]
    if not names:
        return ""
    keep = "keeps" if len(names) == 1 else "keep"
    return (
        f" Whether {listed(names, MOST_NAMED)} {keep} that cannot be told: an interval reaches "
        "across a limit."
    )


def _latency(contender: Contender) -> str:
    time = figures.time(contender.latency, spread=True, decimals=contender.cell.decimals)
    return figures.in_sentence(time, "ms")


def _figures(contender: Contender, decision: Decision) -> str:
    accuracy = _accuracy(contender, decision)
    return f"{contender_name(contender)} ({_latency(contender)}, {accuracy})"


def _accuracy(contender: Contender, decision: Decision) -> str:
    if decision.joined:
        by = decision.joined.evaluation.ranked_by
        name = "Recall@1" if contender.recall else FIGURE_NAMES[by]
        value = percent(contender.recall or decision.ranked(contender))
        return ", ".join(filter(None, (f"{name} {value.figure} %", value.detail.strip("()"))))
    if contender.acc1 is None:
        return "acc1 unknown"
    return f"{figures.accuracy(contender.backbone, contender.acc1).text} %"
