"""Renders reports as one HTML page that contains its scripts, style and data, and loads nothing.

A policy in the page allows exactly these scripts and this style, by their hashes. So even text that
found a way to become markup would neither run nor fetch anything.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from simx import __version__
from simx.models.ranges import Range
from simx.report.blocks.document import groups_of
from simx.report.formats.page.content import MARKS, page
from simx.report.formats.page.vendored import scripts
from simx.report.words.names import IMAGE_WORDS
from simx.results.schema.report import Report
from simx.results.summaries.selection_criteria import SelectionCriteria

FOLDER = Path(__file__).parent / "page"

SCRIPTS = ("theme", "tables", "filters", "limits", "drawing", "scatter", "stages", "raw", "start")
"""In the order of their dependencies."""


def render(reports: Sequence[Report], ranges: Sequence[Range], criteria: SelectionCriteria) -> str:
    """Return the page.

    Raises:
        InputError: ``criteria`` names a target that a report lacks.
    """
    style = (FOLDER / "static" / "page.css").read_text(encoding="utf-8")
    script = _script()
    text = _template().render(
        pages=[page(report, number, ranges, criteria) for number, report in enumerate(reports)],
        policy=(
            f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        version=__version__,
        marks=MARKS,
        images=IMAGE_WORDS.items(),
    )
    return f"{text.strip()}\n"


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A narrow column breaks a name behind its underscores.
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    environment.filters["groups"] = groups_of
    return environment.get_template("page.html.j2")


def _script() -> str:
    """Return the charting library, and the page's scripts in a scope of their own."""
    own = "\n".join(
        (FOLDER / "static" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS
    )
    return f'{scripts()}\n(() => {{\n"use strict";\n{own}}})();\n'


def _source(content: str) -> str:
    """Return the source expression of a Content-Security-Policy for a text."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
