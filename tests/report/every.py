"""Every rendering there is of a report, for tests of what must hold in all of them."""

from collections.abc import Iterator

import msgspec

from simx.models.ranges import DEFAULT_RANGES
from simx.report.blocks.document import Layout
from simx.report.content import Form, Screen, render
from simx.report.contents import (
    comparison_content,
    decision_content,
    history_content,
    report_content,
)
from simx.results.comparison.compare import ComparisonCriteria, Named, compare
from simx.results.comparison.digest import digest
from simx.results.comparison.names import DIFFERENCE_NAMES
from simx.results.history.entries import Stored, entry
from simx.results.history.history import history
from simx.results.schema.report import Report
from simx.results.summaries.selection_criteria import SelectionCriteria

WIDTH = 100
SCREEN = Screen(width=WIDTH, detail=True)
FORMS: tuple[Form, ...] = ("table", "markdown", "csv", "json")
EXCHANGE: tuple[Form, ...] = ("bencher", "github-action-benchmark", "openmetrics")
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


def exchanges(of: Report) -> Iterator[tuple[str, str]]:
    """Yield the name of each form for programs that watch figures, and what it gives."""
    for form in EXCHANGE:
        yield form, render(report_content([of], DEFAULT_RANGES), form, SCREEN)


def histories(of: Report, name: str = "new.json") -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a history in which a report's cells change, and what it gives.

    From the seventh of twelve reports on, every time is twice as long.
    """
    whole = entry(digest(of))
    slow = msgspec.structs.replace(
        whole,
        points=tuple(msgspec.structs.replace(point, log=point.log + 1.0) for point in whole.points),
        canaries=tuple((target, 2 * ns) for target, ns in whole.canaries),
        environment=None,
    )
    seen = history([Stored(name, whole if day < 6 else slow) for day in range(12)])
    forms: tuple[Form, ...] = ("table", "markdown", "json", "otava")
    for form in forms:
        yield f"history {form}", render(history_content(seen), form, SCREEN)


def differences(base: Report, new: Report, name: str = "new.json") -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a comparison of two reports, and what it gives."""
    criteria = ComparisonCriteria(
        threshold=0.03, ranges=DEFAULT_RANGES, allow=frozenset(DIFFERENCE_NAMES)
    )
    found = compare(Named("base.json", digest(base)), Named(name, digest(new)), criteria, [])
    for form in FORMS:
        yield f"diff {form}", render(comparison_content([found], "all"), form, SCREEN)
