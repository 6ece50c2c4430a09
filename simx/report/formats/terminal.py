"""Renders reports for a terminal, or for a file that is read like one."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from simx.common.safe_text import clean
from simx.report.blocks.document import indented
from simx.report.blocks.range_tables import range_table
from simx.report.console import NARROWEST, to_string
from simx.report.grid import lines
from simx.report.options import Layout, Options
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.legend import legend
from simx.report.words.notes import range_notes, range_title
from simx.report.wrapping import join, pad
from simx.results.schema.report import Report
from simx.results.summaries.derivation import by_range, executors
from simx.results.summaries.summary import RangeSummary

NAME_WIDTH = 10


def render(reports: Sequence[Report], options: Options) -> str:
    """Return each report's heading, tables and notes; no line is wider than the terminal."""
    width = max(options.width, NARROWEST)
    gap = [Text(), Text()]
    texts = [line for report in reports for line in (*gap, *_report(report, options, width))]
    return to_string(texts[len(gap) :], width=width, color=options.color)


def _report(report: Report, options: Options, width: int) -> Iterator[Text]:
    yield from _heading(report, width)
    for summary in by_range(report, options.ranges):
        yield Text()
        yield from _range(summary, report, options.layout, width)
    yield Text()
    for text in legend(report):
        yield from indented(text, width, "dim")


def _heading(report: Report, width: int) -> Iterator[Text]:
    for name, items in heading(report):
        for number, line in enumerate(join(items, " · ", width - NAME_WIDTH)):
            yield Text(pad("" if number else name, NAME_WIDTH), "dim").append(line, "not dim")
    for note in report.notes:
        yield from indented(f"! {clean(note)}", width, "yellow")


def _range(summary: RangeSummary, report: Report, layout: Layout, width: int) -> Iterator[Text]:
    found = executors(report)
    yield from indented(range_title(summary, found), width, "bold cyan")
    yield Text()
    yield from lines(range_table(summary.backbones, found, layout), width)
    for texts in (sentences(summary), range_notes(summary)):
        if texts:
            yield Text()
        for text in texts:
            yield from indented(text, width, "")
