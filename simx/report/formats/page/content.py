"""Puts together what the page of one report shows, as data for its template."""

import re
from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from simx.common.safe_text import clean
from simx.models.ranges import Range
from simx.report.blocks.decision import decision_table
from simx.report.blocks.document import Table
from simx.report.blocks.report_tables import views
from simx.report.formats.page.charts import ChartData, Sources, chart_data
from simx.report.formats.page.raw_times import MOST_TIMES
from simx.report.formats.page.script_data import script_json
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.interval_widths import range_notes
from simx.report.words.legend import TIME_MARKS, legend
from simx.report.words.names import FAILED, FASTEST, FEW_CALLS, NOISY, RANDOM, TIED, target_name
from simx.report.words.notes import mark_notes, range_title
from simx.report.words.recommendation import answer, notes, title
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.report import Identity, Report
from simx.results.schema.times import Launch
from simx.results.summaries.decision import (
    Decision,
    decide,
    keeps,
    latency,
    ordered,
    selected_targets,
)
from simx.results.summaries.derivation import by_range, counted, targets
from simx.results.summaries.selection_criteria import LatencyOf, SelectionCriteria
from simx.results.summaries.speeds import fastest_target
from simx.results.summaries.summary import BackboneSummary, RangeSummary, TargetId, target_of

MARKS = {
    FASTEST: "the fastest",
    TIED: "tied with the fastest",
    RANDOM: "of random weights",
    FEW_CALLS: "a few calls of one launch, no interval",
    NOISY: "too noisy",
    FAILED: "failed",
}
"""What each mark means, for a pointer and for a screen reader."""


_TIME = re.compile(r"(?<=\d)T(?=\d)")
"""Where the time begins in a date that is written for programs."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What limits are put to, of one row: the interval's end in milliseconds, and percent.

    ``keeps`` says whether the row keeps the limits that were given when the page was made.
    """

    latency: float
    acc1: float | None
    keeps: bool


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """Which backbone to take on one target: the answer, the front, and notes.

    ``standings`` belong to the rows of ``table``. The page opens on the ``first`` one.
    """

    target: str
    title: str
    answer: str
    table: Table | None
    standings: tuple[Standing, ...]
    notes: tuple[str, ...]
    first: bool


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The words about one range: its findings, and notes on its figures."""

    title: str
    findings: tuple[str, ...]
    notes: tuple[str, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One report.

    ``number`` distinguishes its elements from those of other reports on the page. ``fastest`` is
    the place of the fastest target among those of the charts. ``latency`` names the latency that
    is drawn. ``max_latency`` (ms) and ``min_acc1`` are the limits that were given.
    ``thinned`` is how many times a cell has at most, where some were left
    out, else None.
    """

    number: int
    title: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    notes: tuple[str, ...]
    choices: tuple[Recommendation, ...]
    max_latency: float | None
    min_acc1: float | None
    views: tuple[Table, ...]
    ranges: tuple[Section, ...]
    legend: tuple[str, ...]
    latency: str
    fastest: int
    charts: ChartData
    data: Markup
    thinned: int | None

    @property
    def has_findings(self) -> bool:
        """Whether there is a finding of any range."""
        return any(section.findings for section in self.ranges)

    @property
    def has_stages(self) -> bool:
        """Whether there are stages to draw."""
        return any(cell.stages for cell in self.charts.cells)

    @property
    def has_raw(self) -> bool:
        """Whether there are raw times to draw."""
        return any(cell.raw for cell in self.charts.cells)


def page(report: Report, number: int, ranges: Sequence[Range], criteria: SelectionCriteria) -> Page:
    """Return what is shown of one report.

    Raises:
        InputError: ``criteria`` names a target that the report has not.
    """
    summaries, found = by_range(report, ranges), targets(report)
    backbones = [backbone for of in summaries for backbone in of.backbones]
    criteria = _criteria(criteria, backbones)
    fastest = fastest_target(backbones, found)
    shown = _shown(report, criteria)
    opened = fastest_target(backbones, shown)
    limit = criteria.limits.max_latency_ns
    decisions = {each: decide(report, backbones, each, criteria) for each in found}
    charts = chart_data(summaries, found, _sources(report, decisions, criteria.latency_of))
    return Page(
        number=number,
        title=_TIME.sub(" ", clean(report.created)),
        facts=heading(report),
        notes=tuple(map(clean, report.notes)),
        choices=tuple(_recommendation(decisions[each], first=each == opened) for each in shown),
        max_latency=limit and limit / NANOSECONDS_PER_MS,
        min_acc1=criteria.limits.min_acc1,
        views=views(backbones, found) if backbones else (),
        ranges=tuple(_section(of, found) for of in summaries),
        legend=(*legend(report), TIME_MARKS),
        latency=criteria.latency_of,
        fastest=found.index(fastest) if fastest else 0,
        charts=charts,
        data=script_json(charts),
        thinned=MOST_TIMES if _is_thinned(charts) else None,
    )


def _criteria(
    criteria: SelectionCriteria, backbones: Sequence[BackboneSummary]
) -> SelectionCriteria:
    """Return criteria for the pipeline instead, where no cell has a ``forward`` of its own."""
    cells = [cell for backbone in backbones for cell in backbone.measured]
    if any(latency(cell, criteria.latency_of) for cell in cells):
        return criteria
    other: LatencyOf = "pipeline" if criteria.latency_of == "forward" else "forward"
    has_other = any(latency(cell, other) for cell in cells)
    return msgspec.structs.replace(criteria, latency_of=other) if has_other else criteria


def _shown(report: Report, criteria: SelectionCriteria) -> tuple[TargetId, ...]:
    """Return the selected targets, all of them where none is named."""
    return selected_targets(report, criteria) if criteria.narrows else targets(report)


def _sources(report: Report, decisions: dict[TargetId, Decision], latency_of: LatencyOf) -> Sources:
    fronts = {
        target: [contender.backbone for contender in decision.pareto_front]
        for target, decision in decisions.items()
    }
    times = {
        _key(its, target_of(its)): timings.get(("forward", None), ())
        for its, timings in counted(report).items()
    }

    def forward(backbone: BackboneSummary, target: TargetId) -> Sequence[Launch]:
        return times.get(_key(backbone, target), ())

    return Sources(
        latency_of=latency_of,
        unbeaten=lambda backbone, target: backbone in fronts[target],
        forward=forward,
    )


def _key(its: Identity | BackboneSummary, target: TargetId) -> tuple[object, ...]:
    """Return what distinguishes cells."""
    settings = (its.embedding, its.batch, its.threads)
    return (its.model, its.weights, *settings, target)


def _recommendation(decision: Decision, *, first: bool) -> Recommendation:
    front = ordered(decision.pareto_front, "fastest")
    return Recommendation(
        target=target_name(decision.target),
        title=title(decision),
        answer=answer(decision),
        table=decision_table(decision, front) if front else None,
        standings=tuple(
            Standing(
                latency=each.merit.high_ns / NANOSECONDS_PER_MS,
                acc1=each.merit.acc1,
                keeps=keeps(each.merit, decision.limits),
            )
            for each in front
        ),
        notes=tuple(notes(decision)),
        first=first,
    )


def _section(summary: RangeSummary, targets: Sequence[TargetId]) -> Section:
    return Section(
        title=range_title(summary, targets),
        findings=sentences(summary),
        notes=(*mark_notes(summary.backbones), *range_notes(summary.backbones)),
    )


def _is_thinned(charts: ChartData) -> bool:
    return any(
        len(launch.steps) < launch.count
        for cell in charts.cells
        if cell.raw
        for launch in cell.raw.launches
    )
