"""Every rendering there is of a report, for tests of what must hold in all of them."""

from collections.abc import Iterator

from simx.models.ranges import DEFAULT_RANGES
from simx.report.blocks.document import Layout
from simx.report.content import Form, Screen, render
from simx.report.contents import comparison_content, decision_content, report_content
from simx.results.comparison.compare import ComparisonCriteria, Named, compare
from simx.results.comparison.digest import digest
from simx.results.comparison.names import DIFFERENCE_NAMES
from simx.results.schema.report import Report
from simx.results.summaries.selection_criteria import SelectionCriteria

WIDTH = 100
SCREEN = Screen(width=WIDTH, detail=True)
FORMS: tuple[Form, ...] = ("table", "markdown", "csv", "json")
LAYOUTS: tuple[Layout, ...] = ("models", "origin")


def renderings(of: Report) -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a report, and what it gives."""
    for layout in LAYOUTS:
        content = report_content([of], DEFAULT_RANGES, layout=layout, next_step="simx report x")
        yield f"table {layout} short", render(content, "table", Screen(width=WIDTH))
        for form in (*FORMS, "html") if layout == "models" else FORMS[:2]:
            yield f"{form} {layout}", render(content, form, SCREEN)
    for form in FORMS:
        yield f"{form} pareto", render(decision_content([of], SelectionCriteria()), form, SCREEN)


def differences(base: Report, new: Report, name: str = "new.json") -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a comparison of two reports, and what it gives."""
    criteria = ComparisonCriteria(
        threshold=0.03, ranges=DEFAULT_RANGES, allow=frozenset(DIFFERENCE_NAMES)
    )
    found = compare(Named("base.json", digest(base)), Named(name, digest(new)), criteria, [])
    for form in FORMS:
        yield f"diff {form}", render(comparison_content([found], "all"), form, SCREEN)
