"""What a sweep shows, in sentences: the knee over the batch, and what threads bring."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from simx.common.safe_text import counted
from simx.report.words import figures
from simx.report.words.load import percentile_notes
from simx.report.words.names import backbone_name, listed, target_name
from simx.report.words.notes import IMPRECISE_NOTE, failure_note, mark_notes
from simx.results.schema.times import FORWARD
from simx.results.statistics.estimates import Ratio
from simx.results.summaries.summary import (
    Curve,
    Point,
    RangeSummary,
)


def sweep_sentences(curves: Sequence[Curve], most: int | None = None) -> Iterator[str]:
    """Yield one sentence for each target and setting that does not change.

    Args:
        curves: of one range.
        most: how many backbones a list names, in a short rendering; None for all curves.
    """
    groups: dict[str, list[Curve]] = defaultdict(list)
    for curve in curves:
        if curve.knee and (curve.is_usual or most is None):
            groups[f"On {target_name(curve.target)} {_constant(curve)}, "].append(curve)
    for opening, of in groups.items():
        yield opening + (_knees(of, most) if of[0].over == "batch" else _scaling(of))


def range_marks(summary: RangeSummary) -> tuple[str, ...]:
    """Return the meaning of the marks in a range's tables, and the failures of all settings."""
    found = (
        *mark_notes(summary.backbones),
        *percentile_notes(summary.settings or summary.backbones),
        *_sweep_notes(summary),
    )
    return tuple(dict.fromkeys(found))


def _sweep_notes(summary: RangeSummary) -> Iterator[str]:
    """Yield notes on the settings that are in the tables of a sweep alone."""
    first = {each.setting for each in summary.backbones}
    others = [each for each in summary.settings if each.setting not in first]
    cells = [cell for each in others for cell in each.measured]
    times = [cell.times[FORWARD] for cell in cells if FORWARD in cell.times]
    if any(map(figures.is_imprecise, times)):
        yield IMPRECISE_NOTE
    for each in others:
        for cell in each.failed:
            instances = f", {counted(each.instances, 'instance')}" if each.instances > 1 else ""
            threads = counted(each.threads or 0, "thread")
            of = f"{backbone_name(each)}, batch {each.batch}{instances}, {threads}"
            yield failure_note(of, cell)


def _constant(curve: Curve) -> str:
    if curve.over != "batch":
        return f"at a batch of {curve.points[0].batch}"
    return f"with {counted(curve.points[0].threads or 0, 'thread')}"


def _knees(curves: Sequence[Curve], most: int | None) -> str:
    by_knee: dict[str, list[str]] = {}
    for curve in curves:
        batches = dict.fromkeys(str(curve.points[place].batch) for place in curve.knee or ())
        by_knee.setdefault(" to ".join(batches), []).append(backbone_name(curve.backbone))
    clauses = [f"{knee} for {listed(names, most)}" for knee, names in by_knee.items()]
    gains = [(of, max(filter(None, of.gains), key=lambda gain: gain.value)) for of in curves]
    return (
        "the smallest batch within 5 % of the best throughput is "
        f"{'; '.join(clauses)}; the best batch embeds {_span(gains)} times as many pictures a "
        f"second as a batch of {curves[0].points[0].batch}."
    )


def _scaling(curves: Sequence[Curve]) -> str:
    first, last = curves[0].points[0], curves[0].points[-1]
    gains = [(curve, curve.gains[-1]) for curve in curves]
    if curves[0].over == "instances":
        return (
            f"{_instances(last)} embed {_span(gains)} times as many pictures a second as "
            f"{_instances(first)}."
        )
    shares = [(curve, efficiency(curve, -1)) for curve in curves]
    return (
        f"{counted(last.threads or 0, 'thread')} embed {_span(gains)} times as many pictures a "
        f"second as {counted(first.threads or 0, 'thread')}, an efficiency of {_span(shares)}."
    )


def _instances(point: Point) -> str:
    instances, threads = point.instances, counted(point.threads or 0, "thread")
    return f"{counted(instances, 'instance')} of {threads}"


def efficiency(curve: Curve, place: int) -> Ratio | None:
    """Return the gain of more threads, as a share of how many times as many there are."""
    gain, more = curve.gains[place], (curve.points[place].threads or 1)
    return gain and gain.times((curve.points[0].threads or 1) / more)


def _span(found: Sequence[tuple[Curve, Ratio | None]]) -> str:
    """Return the smallest and the largest of some figures, with their backbones."""
    known = sorted(
        (
            (rate.value, figures.ratio(rate).text, curve)
            for curve, rate in found
            if rate and not figures.is_imprecise(rate)
        ),
        key=lambda each: each[0],
    )
    if not known:
        return figures.UNKNOWN_TEXT
    texts = [f"{text} ({backbone_name(curve.backbone)})" for _, text, curve in known]
    return known[0][1] if len(known) == 1 else f"{texts[0]} to {texts[-1]}"
