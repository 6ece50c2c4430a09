"""Renders reports as one HTML page that stands alone and loads nothing.

Scripts, style and data are in the page. A policy in it allows these very scripts and this very
style, by their hashes, and nothing else, from here or elsewhere; so even text that had found a way
to become markup would neither run nor fetch anything.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simx import __version__
from simx.models.ranges import Range
from simx.report.blocks.document import groups_of
from simx.results.schema.report import Report
from simx.results.summaries.selection_criteria import SelectionCriteria

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

FOLDER = Path(__file__).parent / "page"

SCRIPTS = ("theme", "tables", "filters", "limits", "drawing", "scatter", "stages", "raw", "start")
"""In the order in which they need each other."""


def render(reports: Sequence[Report], ranges: Sequence[Range], criteria: SelectionCriteria) -> str:
    """Return the page.

    Raises:
        InputError: ``criteria`` names a target that a report has not.
    """
    # Only this format needs what is imported here.
    from markupsafe import Markup  # noqa: PLC0415

    from simx.report.formats.page.content import MARKS, page  # noqa: PLC0415
    from simx.report.words.names import IMAGE_WORDS  # noqa: PLC0415

    style, script = _style(), _script()
    text = _template().render(
        pages=[page(report, number, ranges, criteria) for number, report in enumerate(reports)],
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        version=__version__,
        marks=MARKS,
        images=IMAGE_WORDS.items(),
    )
    return f"{text.strip()}\n"


def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - as above

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.filters["groups"] = groups_of
    return environment.get_template("page.html.j2")


def _breakable(name: str) -> "Markup":
    """Let a narrow column break a name behind its underscores."""
    from markupsafe import Markup  # noqa: PLC0415 - as above

    return Markup("_<wbr>").join(name.split("_"))


def _style() -> str:
    return (FOLDER / "static" / "page.css").read_text(encoding="utf-8")


def _script() -> str:
    """Return the charting library and, with names of their own, the page's scripts."""
    from simx.report.formats.page.vendored import scripts  # noqa: PLC0415 - as the rest of the page

    own = "\n".join(
        (FOLDER / "static" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS
    )
    return f'{scripts()}\n(() => {{\n"use strict";\n{own}}})();\n'


def _policy(style: str, script: str) -> str:
    """Return the page's Content-Security-Policy."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source(script)}",
            f"style-src {_source(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _source(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
