"""How wide the intervals of a range are, and what kept them wide: notes under its tables."""

from collections.abc import Iterable, Iterator, Sequence

from simx.report.words.names import backbone_name, target_name
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.report import Stop
from simx.results.summaries.summary import BackboneSummary


def range_notes(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield how many launches there were, which widths were missed, and what was disturbed."""
    yield from _launches(backbones)
    yield from _unreached(backbones)
    yield from _excluded(backbones)
    for backbone in backbones:
        for cell in backbone.measured:
            if cell.warmup_capped:
                yield (
                    f"{backbone_name(backbone)} on {target_name(cell.target)}: its times had "
                    f"not levelled off when warming up had to end ({cell.warmup_capped} launches)"
                )
            if cell.beyond_events_ns is not None:
                beyond = cell.beyond_events_ns / NANOSECONDS_PER_MS
                yield (
                    f"{backbone_name(backbone)} on {target_name(cell.target)}: {beyond:.2g} ms "
                    "of a call lie outside the device's own events: the host's work, or waiting "
                    "for it"
                )


def _launches(backbones: Iterable[BackboneSummary]) -> Iterator[str]:
    """Yield how wide the ratios' intervals are."""
    stopped = [backbone for backbone in backbones if backbone.stop is not None]
    widths = [width for backbone in stopped if (width := _half_width(backbone)) is not None]
    if not widths:
        return
    counts = [backbone.stop.launches for backbone in stopped if backbone.stop]
    yield (
        f"half-width of the ratios' intervals: {_percent(min(widths))} to {_percent(max(widths))}, "
        f"with {_span(counts)} launches"
    )


def _unreached(backbones: Iterable[BackboneSummary]) -> Iterator[str]:
    """Yield for each backbone with fewer launches than planned what ended it."""
    for backbone in backbones:
        stop = backbone.stop
        if stop is not None and (cause := _cause(stop)):
            width = _half_width(backbone)
            reached = "no interval" if width is None else f"half-width {_percent(width)}"
            yield f"{backbone_name(backbone)}: {_extent(stop)}; {cause}, {reached}"


def _cause(stop: Stop) -> str:
    if stop.ended_by == "budget":
        return f"the budget ended it after {stop.seconds:.0f} s"
    return "that is the maximum" if stop.ended_by == "launches" and stop.needed else ""


def _extent(stop: Stop) -> str:
    if stop.needed is None:
        return f"only {stop.launches} launch{'' if stop.launches == 1 else 'es'}"
    return f"{stop.launches} of the {stop.needed} launches that its precision needs"


def _excluded(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    excluded = sum(backbone.excluded for backbone in backbones)
    if excluded:
        rounds = sum(backbone.rounds for backbone in backbones)
        yield (
            f"{excluded} of {rounds} rounds were disturbed and do not count (judged by the "
            "system's counters and the canary, not by their times)"
        )


def _half_width(backbone: BackboneSummary) -> float | None:
    widths = [
        cell.speed.half_width
        for cell in backbone.measured
        if cell.speed is not None and cell.speed.half_width is not None
    ]
    return max(widths, default=None)


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
