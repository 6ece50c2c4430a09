"""What stands below a decision: the rule, the order, what the figures are, and what is left out."""

from collections.abc import Iterator

from simx.common.safe_text import clean
from simx.report.words import figures
from simx.report.words.names import NO_INTERVAL, NOISY, RANDOM, backbone_name, listed, target_name
from simx.report.words.notes import IMPRECISE_NOTE, busy_notes
from simx.report.words.shares import FIGURE_NAMES, on_target
from simx.results.summaries.decision import Decision, Order
from simx.results.summaries.joining import Joined

_ORDERS: dict[Order, str] = {
    "fastest": "the fastest first; among ties, the most accurate",
    "most accurate": "the most accurate first; of equally accurate ones, the faster",
}


def notes(decision: Decision) -> Iterator[str]:
    """Yield the rule, the order and the marks of a decision."""
    if not decision.contenders:
        yield from busy_notes([backbone for backbone, _ in decision.absent])
        return
    joined = decision.joined
    accuracy = "its accuracy and its margin"
    if joined:
        figure = FIGURE_NAMES[joined.evaluation.ranked_by]
        recall = " and the lower end of its Recall@1" if figure == "mAP@R" else ""
        accuracy = f"its {figure}{recall}"
    yield (
        f"unbeaten: {len(decision.pareto_front)} of {len(decision.contenders)}; for each of the "
        f"others, an unbeaten one is measurably faster, with at least {accuracy}"
    )
    yield f"order: {_ORDERS[decision.order]}"
    yield from _evaluation_notes(decision, joined) if joined else _published_notes(decision)
    if decision.limits.max_latency_ns is not None:
        yield "a latency is within its limit if its whole interval is"
    if decision.drift:
        yield (
            f"the machine drifted by up to {100 * decision.drift:.1f} % between backbones; a "
            "difference between two that is smaller than their drift does not count"
        )
    alone = [each for each in decision.contenders if not figures.has_interval(each.latency)]
    if alone:
        mark = "" if alone[0].backbone.quoted else f"{NO_INTERVAL} "
        yield f"{mark}latencies without an interval are compared as they stand"
    if any(figures.is_imprecise(each.latency) for each in decision.contenders):
        yield IMPRECISE_NOTE
    if any(each.backbone.noisy for each in decision.contenders):
        yield f"{NOISY} too noisy: most rounds were disturbed, and all of them count"
    yield from busy_notes([backbone for backbone, _ in decision.absent])
    absent = [
        f"{backbone_name(each)} on {target_name(target)}" if joined else backbone_name(each)
        for each, target in decision.absent
        if not each.busy
    ]
    if absent:
        yield f"left out, without such a latency there: {', '.join(absent)}"


def _published_notes(decision: Decision) -> Iterator[str]:
    published = " in fp32" if decision.target and decision.target.is_reduced else ""
    yield (
        f"acc1 is torchvision's published figure for the pretrained weights{published}, not "
        "measured here; margin is the similarity of the positive minus that of the negative, in "
        "percentage points"
    )
    if any(each.cell.weights_origin == "random" for each in decision.contenders):
        yield (
            f"{RANDOM} random weights: the margin has no meaning for the pictures and is left out; "
            "acc1 is that of the pretrained weights"
        )


def _evaluation_notes(decision: Decision, joined: Joined) -> Iterator[str]:
    its = joined.evaluation
    yield (
        f"accuracies are those of the evaluation of {clean(its.created)}; the published acc1 and "
        "the margin of the three pictures have no part"
    )
    yield (
        "intervals are of 95 %; those of what is behind hold for all evaluated cells together, "
        "that of a latency or of Recall@1 for itself alone; a limit is kept if the whole interval "
        "keeps it, and missed if none of it does"
    )
    batches = sorted({each.backbone.batch for each in decision.contenders})
    if batches != [1]:
        sizes = listed([str(batch) for batch in batches])
        yield f"latencies are those of a call with {sizes} pictures"
    yield from _other_machine(decision, joined)
    if joined.only_timed:
        yield f"left out, not in the evaluation: {', '.join(map(on_target, joined.only_timed))}"
    if joined.only_evaluated:
        names = ", ".join(map(on_target, joined.only_evaluated))
        yield f"left out, not in the latency report: {names}"
    if any(each.cell.weights_origin == "random" for each in decision.contenders):
        yield f"{RANDOM} random weights: the accuracy says nothing of the backbone"


def _other_machine(decision: Decision, joined: Joined) -> Iterator[str]:
    timed, evaluated = decision.reports[0].environment, joined.evaluation.environment
    if timed is None:
        return
    versions = (
        f"{name} {clean(version)} and {clean(evaluated.libraries[name])}"
        for name, version in timed.libraries.items()
        if evaluated.libraries.get(name, version) != version
    )
    cpus = [clean(each.cpu) for each in (timed, evaluated)]
    different = [*([" and ".join(cpus)] if cpus[0] != cpus[1] else []), *versions]
    if different:
        reduced = any(each.cell.target.is_reduced for each in decision.contenders)
        more = ", and of int8 with the processor's instructions" if reduced else ""
        yield (
            f"latencies and accuracies were measured with {listed(different)}; accuracies can "
            f"differ by rounding{more}"
        )
