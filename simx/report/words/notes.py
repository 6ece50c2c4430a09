"""The title of each range, notes on its tables, and what the headings of all of them mean."""

import math
from collections.abc import Iterator, Sequence

from simx.common.safe_text import clean, counted
from simx.models.backbone import TIMM_PREFIX
from simx.models.catalogue import licence_notes
from simx.report.words import figures
from simx.report.words.load import percentile_notes
from simx.report.words.names import (
    FAILED,
    FASTEST,
    IMPRECISE,
    MOST_NAMED,
    NO_INTERVAL,
    NOISY,
    RANDOM,
    TIED,
    TIMES,
    backbone_name,
    distinct_names,
    listed,
    target_name,
)
from simx.report.words.values import BUSY, NANOSECONDS_PER_MS
from simx.results.schema.partial_placement import PARTIAL, partial_placement_in
from simx.results.schema.report import Report, Stop
from simx.results.statistics.busyness import Busyness
from simx.results.statistics.threads import has_too_few
from simx.results.summaries.summary import (
    BackboneSummary,
    MeasuredSummary,
    RangeSummary,
    TargetId,
    target_of,
)

IMPRECISE_NOTE = (
    f"{IMPRECISE} {figures.UNKNOWN_TEXT}: the ends of the interval are more than a factor of "
    f"{figures.IMPRECISE_FACTOR:g} apart (--format csv has them); measure again with more "
    "launches, as in --profile precise, or on a quieter machine"
)

AGAIN = "measure again while nothing else runs on the machine"

UNENDED = (
    "ends none before three launches, unless the machine is busy, and no launch that has begun"
)
"""What a budget does not do."""

PASSIVELY = "--backend torch:passive --backend ort:passive, which others disturb far less"
"""Threads that spin while they wait take the core from the one that they wait for."""

RANDOM_NOTE = (
    f"{RANDOM} random weights: similarity and margin have no meaning for the pictures, and acc1 "
    "and acc5 are those of the pretrained weights; measure with --weights pretrained"
)


def range_title(summary: RangeSummary, targets: Sequence[TargetId]) -> str:
    """Return the heading of a range. It names the target if there is only one."""
    label = clean(summary.label)
    count = counted(len(summary.backbones), "backbone")
    where = f" on {target_name(targets[0])}" if len(targets) == 1 else ""
    if summary.range is None:
        return f"GFLOPS {label}, {count}{where}"
    low, high = summary.range.low, summary.range.high
    end = " up" if math.isinf(high) else f" to below {high:g}"
    return f"GFLOPS {label} (from {low:g}{end}), {count}{where}"


def mark_notes(backbones: Sequence[BackboneSummary]) -> tuple[str, ...]:
    """Return the meaning of the marks in the tables of a range's settings, and the failures."""
    names = distinct_names(backbones, ", ")
    measured = [cell for backbone in backbones for cell in backbone.measured]
    notes = []
    if any(cell.weights_origin == "random" for cell in measured):
        notes.append(RANDOM_NOTE)
    if any(backbone.weights_origin == "file" for backbone in backbones):
        notes.append("file: weights of a file, for which no published accuracy holds")
    pretrained = (each for each in backbones if each.weights_origin == "pretrained")
    notes += licence_notes((each.model, each.weights) for each in pretrained)
    found = [each for cell in measured for each in cell.intervals]
    is_quoted = any(backbone.quoted for backbone in backbones)
    if not is_quoted and not all(map(figures.has_interval, found)):
        notes.append(f"{NO_INTERVAL} a single launch, which shows no spread: no interval")
    if any(map(figures.is_imprecise, found)):
        notes.append(IMPRECISE_NOTE)
    notes += busy_notes(backbones)
    noisy = [names[id(each)] for each in backbones if each.noisy and not each.busy]
    if noisy:
        notes.append(
            f"{NOISY} too noisy: most rounds were disturbed, so all of them count and the figures "
            f"are those of a busy machine ({listed(noisy, MOST_NAMED)})"
        )
    notes += (
        f"{names[id(backbone)]} on {target_name(cell.target)}: {cell.threads_used:.1f} threads "
        f"computed a large product, and {backbone.threads} were requested"
        for backbone in backbones
        for cell in backbone.measured
        if has_too_few(cell.threads_used, backbone.threads)
    )
    notes += (
        f"{FAILED} {names[id(backbone)]} on {target_name(cell.target)} failed at "
        f"{clean(cell.stage)}: {clean(cell.reason)} (again: {clean(cell.command)})"
        for backbone in backbones
        for cell in backbone.failed
    )
    notes += percentile_notes(backbones, names)
    return tuple(notes)


def busy_headline(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield how many backbones lack times because the machine was busy, and how to get them."""
    busy = [each for each in backbones if each.busy]
    if busy:
        yield (
            f"the machine was busy: times of {len(busy)} of {counted(len(backbones), 'backbone')} "
            f"are no figures and are left out; {AGAIN}"
        )


def busy_notes(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield how busy the machine was during the measurement of which backbones."""
    names = distinct_names(backbones, ", ")
    texts = [f"{names[id(each)]} ({_extent(each.busy)})" for each in backbones if each.busy]
    if texts:
        yield (
            f"{BUSY.figure} not measured, because the machine was busy: "
            f"{listed(texts, MOST_NAMED)}; {AGAIN}, or with {PASSIVELY}"
        )


def _extent(busy: Busyness) -> str:
    others = "" if busy.others is None else f", others used {busy.others:.1f}"
    return (
        f"its threads lacked {busy.lacking:.1f} cores on average{others}; {busy.disturbed} of "
        f"{counted(busy.blocks, 'block')} disturbed"
    )


def late_headline(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield how much longer than its budget the whole run took, and why, if it did."""
    stops = {(of.model, of.weights): (of.stop, of.budget_seconds) for of in backbones if of.stop}
    found = [(stop.seconds, budget) for stop, budget in stops.values() if budget is not None]
    taken, given = (math.fsum(each) for each in zip(*found, strict=True)) if found else (0, 0)
    if round(taken) > given:
        yield (
            f"the budget was not kept: {taken:.0f} s instead of {given:g} s for "
            f"{counted(len(found), 'backbone')}; it {UNENDED}"
        )


def range_notes(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield the widths, what ended backbones early, disturbed rounds, and oddities of cells."""
    stopped = [(each, each.stop) for each in backbones if each.stop]
    widths = [width for each, _ in stopped if (width := _half_width(each)) is not None]
    if widths:
        counts = sorted({stop.launches for _, stop in stopped})
        span = f"{counts[0]} to " if len(counts) > 1 else ""
        yield (
            f"intervals of the ratios, to either side: {figures.width(min(widths))} to "
            f"{figures.width(max(widths))}, with {span}{counted(counts[-1], 'launch')}"
        )
    for backbone, stop in stopped:
        if cause := _cause(stop):
            width = _half_width(backbone)
            reached = "no interval" if width is None else f"{figures.width(width)} to either side"
            extent = f"only {counted(stop.launches, 'launch')}"
            if stop.needed is not None:
                needed = counted(stop.needed, "launch")
                extent = f"{stop.launches} of the {needed} that its precision needs"
            yield f"{backbone_name(backbone)}: {extent}; {cause}, {reached}"
        budget = backbone.budget_seconds
        if budget is not None and round(stop.seconds) > budget:
            yield (
                f"{backbone_name(backbone)}: took {stop.seconds:.0f} s with a budget of {budget:g} "
                f"s, which {UNENDED}"
            )
    excluded = sum(backbone.excluded for backbone in backbones)
    if excluded:
        rounds = sum(backbone.rounds for backbone in backbones)
        verbs = "was disturbed and does" if excluded == 1 else "were disturbed and do"
        yield (
            f"{excluded} of {counted(rounds, 'round')} {verbs} not count (judged by the "
            "system's counters and the canary, not by their times)"
        )
    for backbone in backbones:
        for cell in backbone.measured:
            yield from _oddities(f"{backbone_name(backbone)} on {target_name(cell.target)}", cell)


def _oddities(name: str, cell: MeasuredSummary) -> Iterator[str]:
    if cell.warmup_capped:
        yield (
            f"{name}: its times had not levelled off at the end of the warm-up "
            f"({counted(cell.warmup_capped, 'launch')})"
        )
    if cell.beyond_events_ns is not None:
        beyond = figures.brief(cell.beyond_events_ns / NANOSECONDS_PER_MS)
        yield (
            f"{name}: {beyond} ms of a call lie outside the device's own events: the host "
            "works, or waits for the device"
        )


def _cause(stop: Stop) -> str:
    if stop.ended_by == "budget":
        return f"the budget ended it after {stop.seconds:.0f} s"
    return "that is the maximum" if stop.ended_by == "launches" and stop.needed else ""


def _half_width(backbone: BackboneSummary) -> float | None:
    widths = (cell.speed.half_width for cell in backbone.measured if cell.speed)
    return max((width for width in widths if width is not None), default=None)


TIME_MARKS = (
    f"{FASTEST} the fastest backend, {TIED} tied with it; forward: the network alone; pipeline: "
    "from the anchor's file to its embedding"
)

_PICTURES = (
    "positive, negative, resized: the picture that the anchor is compared with; resized: the "
    "negative at the size of the others. margin: the similarity of the positive minus that of the "
    "negative, in percentage points."
)

_MEASURED = (
    "forward: the network alone, with its input ready. Embedding inference time: from the file to "
    "the vector (decode, preprocess, forward). first: session creation and first call.\n"
    "pays off: the calls after which faster ones have made up for a start of more than twice the "
    "time, compared with the same backend without variants, or else with the report's first.\n"
    f"{_PICTURES}\n"
    f"{TIMES}: forward's speed divided by that of the named backend, paired by launch and round. "
    "±: the 95 % interval over launches, to either side of the figure. An interval that reaches "
    f"more than {100 * figures.NARROW:g} % above it is printed by its ends, as in 1.4 to 2.2. "
    "Other figures have the digits that their interval supports (all intervals: --format csv).\n"
    "peak: forward's share of this machine's peak, the fastest 512 by 512 matrix product of the "
    "run; absent where a network was faster than that. "
    "page faults: pages of memory that the kernel gave to the worker during a call. "
    "memory: resident memory of a worker after one call of the network; network: without the "
    "interpreter and the runtime; device: the device's own memory. nodes: where the session ran "
    "the nodes of the graph; shape: nodes on the processor that only compute shapes.\n"
    "GFLOPS, acc1 and acc5 are torchvision's published figures for the pretrained weights, not "
    "measured here. GFLOPS count multiply-accumulates. Weights leave out IMAGENET1K_."
).split("\n")

_PARTIAL = f"{PARTIAL}: the share of the graph's nodes that ran on the provider; times include all."

_REDUCED = (
    "fp16, int8: the network in these numbers, converted from fp32. Its embedding is not the same "
    "vector, but a near one: parity and margin show how near. acc1 and acc5 are those of fp32. "
    f"{TIMES} fp32: the speed divided by that of fp32 on the same backend and provider."
)

_OF_TIMM = (
    "GFLOPS of timm's backbones are torch's count; timm publishes no accuracies with its code."
)

_QUOTED = (
    "quoted: all figures are as their source has them; none was measured here. There are no raw "
    "times behind the medians, so there are no intervals, ratios, noise, parity or memory.\n"
    "Embedding inference time: from the file to the vector.\n"
    f"{_PICTURES}\n"
    "GFLOPS count multiply-accumulates; acc1 and acc5 hold for the pretrained weights. Weights "
    "leave out IMAGENET1K_."
).split("\n")


def legend(report: Report) -> tuple[str, ...]:
    """Return the legend of a report's tables, in paragraphs."""
    if report.source is not None:
        return tuple(_QUOTED)
    partial = any(partial_placement_in(cell.identity.backend) for cell in report.cells)
    reduced = any(target_of(cell.identity).is_reduced for cell in report.cells)
    timm = any(cell.identity.model.startswith(TIMM_PREFIX) for cell in report.cells)
    further = ((reduced, _REDUCED), (partial, _PARTIAL), (timm, _OF_TIMM))
    return (*_MEASURED, *(text for is_so, text in further if is_so))
