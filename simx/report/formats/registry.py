"""The formats a report can be rendered in. Adding one is a new file and a line here."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from simx.report.formats import csv, decision, html, json, markdown, terminal
from simx.report.options import Options
from simx.results.schema.report import Report


class Render(Protocol):
    """What a format is: a function from reports to text that ends with a line feed."""

    def __call__(self, reports: Sequence[Report], options: Options, /) -> str:
        """Return all of the reports, in their order."""


FORMATS: Mapping[str, Render] = {
    "table": terminal.render,
    "markdown": markdown.render,
    "csv": csv.render,
    "json": json.render,
    "html": html.render,
}
"""By the name that ``--format`` takes."""


def render(reports: Sequence[Report], name: str, options: Options) -> str:
    """Return reports in a format.

    Args:
        reports: At least one.
        name: A key of ``FORMATS``.
        options: Each format uses what concerns it.

    Returns:
        Text that ends with a line feed. It holds characters beyond ASCII, and escape codes only
        where ``options.color`` allows them in the format ``table``.

    Raises:
        InputError: ``options.criteria`` names an executor that a report has not.
    """
    if options.pareto and name in decision.FORMATS:
        return decision.render(reports, name, options)
    return FORMATS[name](reports, options)
