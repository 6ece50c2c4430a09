"""Renders reports as JSON: the report itself, which is what a program should read."""

from collections.abc import Sequence

from simx.report.formats.json_text import escaped
from simx.report.options import Options
from simx.results.files.report import encode
from simx.results.schema.report import Report


def render(reports: Sequence[Report], _options: Options) -> str:
    """Return the report as its file holds it; several of them as a list.

    Only what does not show is written another way, which reads as the same.
    """
    documents = [escaped(encode(report).decode()) for report in reports]
    if len(documents) == 1:
        return documents[0]
    listed = ",\n".join(document.rstrip("\n") for document in documents)
    return f"[\n{listed}\n]\n"
