"""What the page of one report shows, as data for its template."""

import re
from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from simx.common.safe_text import clean
from simx.models.ranges import Range
from simx.report.blocks.decision import decision_table
from simx.report.blocks.document import Block, Table
from simx.report.blocks.evaluation import evaluation_blocks
from simx.report.blocks.load import load_tables, trend_tables
from simx.report.blocks.report_tables import views
from simx.report.blocks.sweeps import sweep_tables
from simx.report.formats.page.charts import MOST_TIMES, ChartData, chart_data, script_json
from simx.report.words.decision_notes import notes
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.names import (
    FAILED,
    FASTEST,
    IMPRECISE,
    NO_INTERVAL,
    NOISY,
    RANDOM,
    TIED,
    target_name,
)
from simx.report.words.notes import (
    TIME_MARKS,
    busy_headline,
    late_headline,
    legend,
    mark_notes,
    range_notes,
    range_title,
)
from simx.report.words.recommendation import answer, title
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.report import Report
from simx.results.summaries.decision import Decision, decide, latency, ordered, selected_targets
from simx.results.summaries.derivation import by_range, fastest_target, targets
from simx.results.summaries.merit import Merit, keeps
from simx.results.summaries.selection_criteria import LatencyOf, SelectionCriteria
from simx.results.summaries.summary import BackboneSummary

MARKS = {
    FASTEST: "the fastest",
    TIED: "tied with the fastest",
    RANDOM: "of random weights",
    NO_INTERVAL: "a single launch, no interval",
    IMPRECISE: "not measured precisely enough",
    NOISY: "too noisy",
    FAILED: "failed",
}
"""The marks' meanings, for a pointer and for a screen reader."""

_TIME = re.compile(r"(?<=\d)T(?=\d)")
"""The letter between date and time in ISO 8601."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What decides on a row: the upper end of its latency (ms), and the accuracy (%).

    ``accuracy`` is the published acc1, or the lower end of Recall@1. ``behind`` is how far it is
    below the most accurate one and the ends of that, as JavaScript reads numbers. ``keeps`` is
    whether it keeps the given limits.
    """

    latency: float
    accuracy: float | None
    behind: str
    keeps: bool


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """Which backbone to take on one target: the answer, the front, and notes.

    ``standings`` belong to the rows of ``table``. The page opens on the ``first`` recommendation.
    """

    target: str
    title: str
    answer: str
    table: Table | None
    standings: tuple[Standing, ...]
    notes: tuple[str, ...]
    first: bool


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of one range: its findings, and notes on its figures."""

    title: str
    findings: tuple[str, ...]
    notes: tuple[str, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One report.

    ``number`` distinguishes its elements from those of other reports. ``fastest`` is the place of
    the fastest target among those of the charts. ``latency`` names the latency that is drawn.
    ``max_latency`` (ms) and ``min_accuracy`` (%) are the given limits, the latter of what
    ``accuracy`` names; it is empty if there is none. ``thinned`` is the largest number of
    times per cell if some were left out, else None.
    """

    number: int
    title: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    notes: tuple[str, ...]
    choices: tuple[Recommendation, ...]
    max_latency: float | None
    accuracy: str
    min_accuracy: float | None
    evaluation: tuple[Block, ...]
    views: tuple[Table, ...]
    sweep: tuple[Table, ...]
    ranges: tuple[Section, ...]
    legend: tuple[str, ...]
    latency: str
    fastest: int
    charts: ChartData
    data: Markup
    thinned: int | None


def page(
    report: Report,
    number: int,
    ranges: Sequence[Range],
    criteria: SelectionCriteria,
    joined: Decision | None = None,
) -> Page:
    """Return what is shown of one report; ``joined`` is a decision with an evaluation.

    Raises:
        InputError: ``criteria`` names a target that the report lacks.
    """
    summaries, found = by_range(report, ranges), targets(report)
    backbones = [backbone for of in summaries for backbone in of.backbones]
    criteria = _criteria(criteria, backbones)
    shown = selected_targets(report, criteria)
    fastest, opened = fastest_target(backbones, found), fastest_target(backbones, shown)
    limits = criteria.limits
    on_targets = {each: decide([report], backbones, (each,), criteria) for each in found}
    charts = chart_data(summaries, on_targets)
    choices = (
        [_recommendation(joined, first=True)]
        if joined
        else [_recommendation(on_targets[each], first=each == opened) for each in shown]
    )
    evaluation = joined.joined.evaluation if joined and joined.joined else None
    accuracy, given = "acc1", limits.min_acc1
    if evaluation:
        accuracy = "Recall@1" if evaluation.ranked_by == "map_at_r" else ""
        given = None if limits.min_recall is None else 100 * limits.min_recall
    is_thinned = any(
        len(launch.steps) < launch.count
        for cell in charts.cells
        if cell.raw
        for launch in cell.raw.launches
    )
    return Page(
        number=number,
        title=_TIME.sub(" ", clean(report.created)),
        facts=heading(report),
        notes=(*map(clean, report.notes), *busy_headline(backbones), *late_headline(backbones)),
        choices=tuple(choices),
        max_latency=limits.max_latency_ns and limits.max_latency_ns / NANOSECONDS_PER_MS,
        accuracy=accuracy,
        min_accuracy=given,
        evaluation=tuple(evaluation_blocks(evaluation)) if evaluation and number == 0 else (),
        views=views(backbones, found) if backbones else (),
        ranges=tuple(
            Section(
                title=range_title(of, found),
                findings=sentences(of),
                notes=(*mark_notes(of.settings), *range_notes(of.backbones)),
            )
            for of in summaries
        ),
        sweep=tuple(
            table
            for of in summaries
            for table in (
                *load_tables(of, found),
                *sweep_tables(of),
                *trend_tables(of),
                *(views(of.settings, found) if of.curves else ()),
            )
        ),
        legend=(*legend(report), TIME_MARKS),
        latency=criteria.latency_of,
        fastest=found.index(fastest) if fastest else 0,
        charts=charts,
        data=script_json(charts),
        thinned=MOST_TIMES if is_thinned else None,
    )


def _criteria(
    criteria: SelectionCriteria, backbones: Sequence[BackboneSummary]
) -> SelectionCriteria:
    cells = [cell for backbone in backbones for cell in backbone.measured]
    preferred: tuple[LatencyOf, ...] = (criteria.latency_of, "forward", "pipeline")
    known = (each for each in preferred if any(latency(cell, each) for cell in cells))
    return msgspec.structs.replace(criteria, latency_of=next(known, criteria.latency_of))


def _recommendation(decision: Decision, *, first: bool) -> Recommendation:
    front = ordered(decision.pareto_front, "fastest")
    return Recommendation(
        target=target_name(decision.target) if decision.target else "",
        title=title(decision),
        answer=answer(decision),
        table=decision_table(decision, front) if front else None,
        standings=tuple(
            Standing(
                latency=each.high_ns / NANOSECONDS_PER_MS,
                accuracy=_accuracy(each),
                behind=" ".join(map(str, each.behind)).replace("inf", "Infinity"),
                keeps=keeps(each, decision.limits),
            )
            for each in front
        ),
        notes=tuple(notes(decision)),
        first=first,
    )


def _accuracy(merit: Merit) -> float | None:
    if merit.evaluated is None:
        return merit.acc1
    return 100 * merit.recall.low if merit.recall and merit.recall.low is not None else None
