"""Notes on the widths of a range's intervals, and on what made them wide."""

from collections.abc import Iterator, Sequence

from simx.common.safe_text import counted
from simx.report.words import figures
from simx.report.words.names import backbone_name, target_name
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.report import Stop
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary


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
                "s, which ends none before three launches, and no launch that has begun"
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
