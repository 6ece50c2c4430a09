"""Renders reports as GitHub-flavoured Markdown: the terminal's tables, for a page."""

from collections.abc import Iterator, Sequence

from simx.common.safe_text import clean
from simx.report.blocks.range_tables import range_table
from simx.report.formats.pipe_tables import escape, table_lines
from simx.report.options import Options
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.legend import legend
from simx.report.words.notes import range_notes, range_title
from simx.results.schema.report import Report
from simx.results.summaries.derivation import by_range, executors
from simx.results.summaries.summary import RangeSummary


def render(reports: Sequence[Report], options: Options) -> str:
    """Return a section for each report, with its tables and notes."""
    return "\n".join(line for report in reports for line in _report(report, options)) + "\n"


def _report(report: Report, options: Options) -> Iterator[str]:
    yield f"# simx report, {escape(clean(report.created))}"
    yield ""
    for name, items in heading(report):
        yield f"- **{name}:** {escape(' · '.join(items))}"
    for note in report.notes:
        yield f"- **note:** {escape(clean(note))}"
    for summary in by_range(report, options.ranges):
        yield ""
        yield from _range(summary, report, options)
    yield from ("", "---", "")
    yield from (f"- {escape(paragraph)}" for paragraph in legend(report))


def _range(summary: RangeSummary, report: Report, options: Options) -> Iterator[str]:
    found = executors(report)
    yield f"## {escape(range_title(summary, found))}"
    yield ""
    yield from table_lines(range_table(summary.backbones, found, options.layout))
    notes = (*sentences(summary), *range_notes(summary))
    if notes:
        yield ""
    yield from (f"- {escape(note)}" for note in notes)
