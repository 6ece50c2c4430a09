"""Renders results as one HTML page, with its scripts, style and data inside.

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
from simx.common.safe_text import clean
from simx.models.ranges import Range
from simx.report.blocks.document import groups_of
from simx.report.blocks.evaluation import evaluation_blocks
from simx.report.blocks.explanation import explanation_blocks, side_names
from simx.report.blocks.history import history_blocks
from simx.report.formats.page.content import MARKS, page
from simx.report.formats.page.lines import HEIGHT, WIDTH, drawings
from simx.report.formats.page.vendored import scripts
from simx.report.words.names import IMAGE_WORDS
from simx.report.words.shares import on_target
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.history.history import History
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.explanation import Explanation
from simx.results.schema.report import Report
from simx.results.summaries.decision import decisions, require_figures
from simx.results.summaries.evaluated import PairKind, PicturedPair, best_cell
from simx.results.summaries.selection_criteria import SelectionCriteria

FOLDER = Path(__file__).parent / "page"

SCRIPTS = (
    "theme",
    "tables",
    "filters",
    "limits",
    "drawing",
    "scatter",
    "stages",
    "sweep",
    "raw",
    "start",
)
"""In the order of their dependencies."""


_KINDS: dict[PairKind, str] = {
    "false positive": "Taken for the same, and are not",
    "false negative": "Not taken for the same, and are",
    "borderline": "Nearest to the threshold",
    "best": "The most similar of those that belong together",
}


def render(
    reports: Sequence[Report],
    ranges: Sequence[Range],
    criteria: SelectionCriteria,
    evaluation: Evaluation | None = None,
) -> str:
    """Return the page of reports, joined with an evaluation if there is one.

    Raises:
        InputError: ``criteria`` names a target that a report lacks, or a report cannot be joined
            with the evaluation.
    """
    require_figures(criteria.limits, evaluation)
    joined = decisions(reports, criteria, evaluation)[0] if evaluation else None
    pages = [
        page(report, number, ranges, criteria, joined) for number, report in enumerate(reports)
    ]
    return _rendered(
        "page.html.j2",
        heading="simx report",
        title=pages[0].title if len(pages) == 1 else "",
        pages=pages,
        images=IMAGE_WORDS.items(),
    )


def render_evaluation(found: Evaluation, pairs: Sequence[PicturedPair]) -> str:
    """Return the page of an evaluation, with pairs of pictures by its best cell."""
    best = best_cell(found.cells)
    return _rendered(
        "evaluation.html.j2",
        heading="simx evaluation",
        title=clean(found.created),
        blocks=list(evaluation_blocks(found)),
        pairs=[
            (title, of)
            for kind, title in _KINDS.items()
            if (of := [pair for pair in pairs if pair.kind == kind])
        ],
        best=best and on_target(best),
        threshold=best and f"{best.separation.threshold:.3f}",
    )


def render_history(found: History) -> str:
    """Return the page of a history, with a line for each cell."""
    return _rendered(
        "history.html.j2",
        heading="simx history",
        title="",
        blocks=list(history_blocks(found)),
        lines=list(drawings(found)),
        count=len(found.lines),
        width=WIDTH,
        height=HEIGHT,
    )


def render_explanation(found: Explanation) -> str:
    """Return the page of an explanation, with bars of both sides for each part."""
    scales = [side.scale / NANOSECONDS_PER_MS for side in found.sides]
    parts = [
        (clean(row.name), [ns * scale for ns, scale in zip(row.ns, scales, strict=True)])
        for row in found.parts
    ]
    return _rendered(
        "explanation.html.j2",
        heading="simx explain",
        title=clean(found.created),
        blocks=list(explanation_blocks(found)),
        names=side_names(found.sides),
        parts=parts,
        most=max(ms for _, times in parts for ms in times),
    )


def _rendered(name: str, **values: object) -> str:
    style = (FOLDER / "static" / "page.css").read_text(encoding="utf-8")
    own = "\n".join(
        (FOLDER / "static" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS
    )
    # The charting library, and the page's scripts in a scope of their own.
    script = f'{scripts()}\n(() => {{\n"use strict";\n{own}}})();\n'
    text = _template(name).render(
        **values,
        policy=(
            f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        version=__version__,
        marks=MARKS,
    )
    return f"{text.strip()}\n"


def _template(name: str) -> Template:
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
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["picture"] = lambda jpeg: (
        f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    )
    return environment.get_template(name)


def _source(content: str) -> str:
    """Return the source expression of a Content-Security-Policy for a text."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
