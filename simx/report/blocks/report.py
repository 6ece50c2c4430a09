"""A report as a document: heading, tables, findings and notes by range, and a last line."""

from collections.abc import Iterable, Iterator, Sequence

from simx.common.safe_text import clean
from simx.models.ranges import Range
from simx.report.blocks.document import Block, Facts, Heading, Layout, Paragraph, Points, Table
from simx.report.blocks.overview import picture_table, speed_table, summary_text
from simx.report.blocks.report_tables import origin_tables, views
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.interval_widths import range_notes
from simx.report.words.legend import TIME_MARKS, legend
from simx.report.words.notes import mark_notes, range_title
from simx.report.words.values import Tone
from simx.results.schema.report import Report
from simx.results.summaries.derivation import by_range, targets
from simx.results.summaries.summary import BackboneSummary, TargetId

BRIEF = frozenset({"quoted", "written", "machine", "software"})
"""The facts of a short rendering."""


def report_blocks(report: Report, ranges: Sequence[Range], layout: Layout) -> Iterator[Block]:
    """Yield a report as people read it, short tables first.

    Args:
        report: The report.
        ranges: The GFLOPS ranges in the order of the tables.
        layout: Whether models are rows or columns.
    """
    yield Heading(f"simx report, {clean(report.created)}", level=1)
    facts = heading(report)
    for detail in (False, True):
        items = tuple(each for each in facts if detail is (each[0] not in BRIEF))
        if items or not detail:
            yield Facts(items, detail)
    yield from _points(map(clean, report.notes), "warning")
    summaries, found = by_range(report, ranges), targets(report)
    for summary in summaries:
        yield Heading(range_title(summary, found))
        yield from _tables(summary.backbones, found, layout)
        brief = sentences(summary, brief=True)
        yield from _points(brief)
        yield from _points([each for each in sentences(summary) if each not in brief], detail=True)
        yield from _points(mark_notes(summary.backbones), "warning")
        yield from _points(range_notes(summary.backbones), "faint", detail=True)
    yield Points(legend(report), "faint", detail=True)
    backbones = [backbone for summary in summaries for backbone in summary.backbones]
    if report.source is None:
        yield Paragraph(TIME_MARKS, "faint")
    yield Paragraph(summary_text(backbones, found), "strong")


def _points(
    texts: Iterable[str], tone: Tone = "plain", *, detail: bool = False
) -> Iterator[Points]:
    found = tuple(texts)
    if found:
        yield Points(found, tone, detail)


def _tables(
    backbones: Sequence[BackboneSummary], targets: Sequence[TargetId], layout: Layout
) -> Iterator[Table]:
    speeds = speed_table(backbones, targets)
    if layout == "models" or any(column.group for column in speeds.columns):
        yield speeds
    if layout == "origin":
        yield from origin_tables(backbones, targets)
    else:
        yield picture_table(backbones, targets)
        yield from views(backbones, targets, detail=True)
