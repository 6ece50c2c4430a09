"""Reports and what renders them, for the tests of every format."""

from pathlib import Path

from simx.models.ranges import DEFAULT_RANGES
from simx.report.blocks.document import Layout
from simx.report.content import Form, Screen, render
from simx.report.contents import report_content
from simx.results.schema.report import Report, Similarity
from tests.results.builders import failed, identity, measured, quoted, quoted_report, report

HOSTILE = "=cmd|'/c calc'!A1 \x1b[31m[red]x[/red]\x07 <b>&\u202e\nnext"
"""A formula, an escape sequence, rich's and HTML's markup, reversed text and a line break."""


def expected(name: str) -> str:
    """Return an output that was looked at and found right."""
    return (Path(__file__).parent / "expected" / name).read_text(encoding="utf-8")


def rendered(
    *reports: Report,
    form: Form = "table",
    width: int = 200,
    layout: Layout = "models",
    detail: bool = True,
    color: bool = False,
) -> str:
    """Return reports in a format; a table with all its details unless asked otherwise."""
    content = report_content(reports, DEFAULT_RANGES, layout=layout)
    return render(content, form, Screen(width=width, color=color, detail=detail))


def two_backbones() -> Report:
    """Return resnet18 on both backends and vgg11, of random weights, of which one failed."""
    return report(
        measured(milliseconds=50),
        measured(identity(backend="ort"), milliseconds=25),
        measured(identity("vgg11"), milliseconds=150, gflops=1.9, origin="random"),
        failed(identity("vgg11", backend="ort")),
    )


def quotations() -> Report:
    """Return published figures of five backbones, one of them without a picture's similarity."""
    partly = Similarity(positive=81.8123, negative=None, negative_resized=36.6136)
    return quoted_report(
        quoted(identity("alexnet"), gflops=0.71, dim=9216),
        quoted(identity("efficientnet_b0"), gflops=0.39, milliseconds=106.3330, dim=1280),
        quoted(identity("mobilenet_v3_large"), gflops=0.22, milliseconds=62.2003, dim=960),
        quoted(identity("shufflenet_v2_x0_5"), gflops=0.04, milliseconds=62.2530, dim=50176),
        quoted(identity("convnext_tiny"), gflops=4.46, similarity=partly, dim=768),
    )
