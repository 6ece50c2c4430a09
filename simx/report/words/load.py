"""What loads, sweeps and long runs show, in sentences, and what queries are too few for."""

import math
from collections.abc import Iterator, Mapping, Sequence

from simx.common import grouped
from simx.common.safe_text import counted
from simx.report.words import figures
from simx.report.words.names import backbone_name, listed, setting_text, target_name
from simx.results.schema.config import SINGLE_STREAM
from simx.results.statistics.estimates import Ratio
from simx.results.statistics.percentiles import MIN_LAUNCHES, effective_samples, samples_needed
from simx.results.summaries.summary import BackboneSummary, Curve

SHARES = (0.90, 0.95, 0.99)
"""The percentiles in a load's table."""


def load_title(of: BackboneSummary) -> str:
    """Return for example ``Load: server, 20 queries a second``."""
    title = f"Load: {of.scenario}"
    if of.rate is not None:
        title += f", {of.rate:g} queries a second"
    if of.latency_bound is not None:
        title += f", 99 % of the queries within {1000 * of.latency_bound:g} ms"
    return f"{title}, one shared session" if of.shared_session else title


def percentile_notes(
    backbones: Sequence[BackboneSummary], names: Mapping[int, str]
) -> Iterator[str]:
    """Yield how many queries the largest percentile takes, of each cell that has too few.

    A cell whose queries do not count, because the machine was busy, has a note of its own.
    ``names`` are those of the backbones, by their identities.
    """
    needed = samples_needed(SHARES[-1])
    for backbone in backbones:
        is_single = backbone.scenario in {SINGLE_STREAM, "offline"}
        for cell in () if is_single or backbone.latency_bound else backbone.measured:
            launches = cell.forwards
            if not launches:
                continue
            worth = effective_samples(launches)
            if worth < needed or len(launches) < MIN_LAUNCHES:
                yield (
                    f"{names[id(backbone)]} on {target_name(cell.target)}: p99 takes {needed} "
                    f"independent queries in {counted(MIN_LAUNCHES, 'launch')}, and those of its "
                    f"{counted(len(launches), 'launch')} are worth {worth:.0f}; measure with "
                    "--launches and --budget"
                )


def trend_sentences(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield what a long run changed beyond doubt."""
    for backbone in backbones:
        for cell in backbone.measured:
            name = f"{backbone_name(backbone)} on {target_name(cell.target)}"
            time, memory = cell.time_trend, cell.memory_trend
            if time and time.is_clear:
                change, low, high = (100 * math.expm1(log) for log in time)
                yield (
                    f"The time of {name} changed by {change:+.1f} % during the run "
                    f"({low:+.1f} to {high:+.1f})."
                )
            if memory and memory.is_clear:
                change, low, high = (count / 2**20 for count in memory)
                yield (
                    f"The memory of {name} changed by {change:+.1f} MiB during the run "
                    f"({low:+.1f} to {high:+.1f})."
                )


def sweep_sentences(curves: Sequence[Curve], most: int | None = None) -> Iterator[str]:
    """Yield one sentence for each target and setting that does not change.

    Args:
        curves: of one range.
        most: how many backbones a list names, in a short rendering; None for all curves.
    """
    shown = (each for each in curves if each.knee and (each.is_usual or most is None))
    for opening, of in grouped(shown, _opening).items():
        yield opening + (_knees(of, most) if of[0].over == "batch" else _scaling(of))


def _opening(curve: Curve) -> str:
    constant = f"at a batch of {curve.backbone.batch}"
    if curve.over == "batch":
        constant = f"with {setting_text(curve.backbone, 'threads')}"
    return f"On {target_name(curve.target)} {constant}, "


def knee_text(curve: Curve) -> str:
    """Return the batch of a curve's knee, or the two between which it is; empty without times."""
    batches = (str(curve.points[place][0].batch) for place in curve.knee or ())
    return " to ".join(dict.fromkeys(batches))


def _knees(curves: Sequence[Curve], most: int | None) -> str:
    clauses = [
        f"{knee} for {listed([backbone_name(each.backbone) for each in of], most)}"
        for knee, of in grouped(curves, knee_text).items()
    ]
    gains = [(of, max(filter(None, of.gains), key=lambda gain: gain.value)) for of in curves]
    return (
        "the smallest batch within 5 % of the best throughput is "
        f"{'; '.join(clauses)}; "
        + _more("the best batch embeds", gains, f"a batch of {curves[0].backbone.batch}")
        + "."
    )


def _scaling(curves: Sequence[Curve]) -> str:
    (first, _), *_, (last, _) = curves[0].points
    gains = [(curve, curve.gains[-1]) for curve in curves]
    if curves[0].over == "instances":
        more, one = (
            f"{setting_text(each, 'instances')} of {setting_text(each, 'threads')}"
            for each in (last, first)
        )
        return _more(f"{more} embed", gains, one) + "."
    more, one = (setting_text(each, "threads") for each in (last, first))
    efficiencies = _span([(curve, efficiency(curve, -1)) for curve in curves])
    efficient = f", an efficiency of {efficiencies}" if efficiencies else ""
    return f"{_more(f'{more} embed', gains, one)}{efficient}."


def _more(embed: str, gains: Sequence[tuple[Curve, Ratio | None]], one: str) -> str:
    """Return how many times as many pictures a second something embeds as ``one``."""
    if found := _span(gains):
        return f"{embed} {found} times as many pictures a second as {one}"
    return f"how many more pictures a second {embed} than {one} was {figures.UNKNOWN_TEXT}"


def efficiency(curve: Curve, place: int) -> Ratio | None:
    """Return the gain of more threads, as a share of how many times as many there are."""
    gain, (more, _) = curve.gains[place], curve.points[place]
    return gain and gain.times((curve.backbone.threads or 1) / (more.threads or 1))


def _span(found: Sequence[tuple[Curve, Ratio | None]]) -> str:
    """Return the smallest and the largest ratio; empty if none was measured precisely enough."""
    precise = ((curve, rate) for curve, rate in found if rate and not figures.is_imprecise(rate))
    known = sorted(precise, key=lambda each: each[1].value)
    if not known:
        return ""
    texts = [figures.ratio(rate).text for _, rate in known]
    if len(known) == 1:
        return texts[0]
    ends = ((texts[at], backbone_name(known[at][0].backbone)) for at in (0, -1))
    return " to ".join(f"{text} ({name})" for text, name in ends)
