"""Every rendering there is of a report, for tests of what must hold in all of them."""

from collections.abc import Iterator

from simx.models.ranges import DEFAULT_RANGES
from simx.report.formats import comparison as comparisons
from simx.report.formats.registry import FORMATS, render
from simx.report.options import LAYOUTS, Options
from simx.results.comparison.compare import Named, Settings, compare
from simx.results.comparison.digest import digest
from simx.results.comparison.names import DIFFERENCE_NAMES
from simx.results.schema.report import Report

WIDTH = 100


def renderings(of: Report) -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a report, and what it gives."""
    for name in FORMATS:
        for layout in LAYOUTS if name in {"table", "markdown"} else LAYOUTS[:1]:
            options = Options(ranges=DEFAULT_RANGES, width=WIDTH, layout=layout)
            yield f"{name} {layout}", render([of], name, options)
    for name in FORMATS.keys() - {"html"}:
        options = Options(ranges=DEFAULT_RANGES, width=WIDTH, pareto=True)
        yield f"{name} pareto", render([of], name, options)


def differences(base: Report, new: Report, name: str = "new.json") -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a comparison of two reports, and what it gives."""
    settings = Settings(threshold=0.03, ranges=DEFAULT_RANGES, allow=frozenset(DIFFERENCE_NAMES))
    found = compare(Named("base.json", digest(base)), Named(name, digest(new)), settings, [])
    for form, write in comparisons.FORMATS.items():
        yield f"diff {form}", write([found], comparisons.Options(width=WIDTH, show="all"))
