"""Makes the example of a real run: a page of the documentation, a table, and a picture.

    python scripts/make_readme.py REPORT

``docs/example-run.md`` gets all tables of the report. README.md gets the first of them, between
``<!-- table -->`` and ``<!-- /table -->``; the rest of it is left alone. ``docs/terminal.svg``
shows what a terminal shows first. The same report gives the same bytes on every terminal.
"""

import argparse
import io
import os
import re
import sys
from itertools import dropwhile, takewhile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from simx.common.atomic import write_atomically
from simx.common.errors import SimxError
from simx.models.ranges import DEFAULT_RANGES
from simx.report.content import Form, Screen, render
from simx.report.results import report_content
from simx.results.files.report import read
from simx.results.schema.report import Report

ROOT = Path(__file__).resolve().parent.parent

WIDTH = 110
"""Columns of the picture's terminal."""

LINES = 45
"""Lines of the picture at most; it ends with the last table that is complete by then."""

ROWS = 24
"""Rows of the README's table at most."""

PAGE = """# An example run

<!-- made by scripts/make_readme.py from a report; changes here are lost -->

All tables of one run, as `simx report REPORT --format markdown` prints them. `make readme` makes
this page again from the last `make bench`.

"""

_FONT_FROM_ELSEWHERE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""The picture must load no font from a server. It has the places of all characters without it."""


def main() -> int:
    """Write page, table and picture, and return the process's exit status."""
    parser = argparse.ArgumentParser(description="Make the example of a run from a report.")
    parser.add_argument("report", type=Path, help="a report that simx bench wrote")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of README.md and docs/")
    options = parser.parse_args()
    _forget_the_terminal()
    try:
        update(options.report, options.root)
    except (SimxError, ValueError) as error:
        print(f"make_readme: {error}", file=sys.stderr)
        return 1
    return 0


def update(report_path: Path, root: Path) -> None:
    """Write a report's page and picture into ``docs/``, and its first table into the README.

    Raises:
        SimxError: the report cannot be read, or a file cannot be written.
        ValueError: the README has no place for the table, or the report has no table.
    """
    report = read(report_path)
    readme, docs = root / "README.md", root / "docs"
    markdown = rendered(report, "markdown")
    text = filled(readme.read_text(encoding="utf-8"), "table", first_table(markdown))
    docs.mkdir(exist_ok=True)
    write_atomically(docs / "example-run.md", page(markdown).encode())
    write_atomically(docs / "terminal.svg", screen(report).encode())
    write_atomically(readme, text.encode())


def rendered(report: Report, form: Form) -> str:
    """Return a report as ``simx report --format`` shows it on the picture's terminal."""
    content = report_content([report], DEFAULT_RANGES)
    return render(content, form, Screen(width=WIDTH, color=True))


def filled(text: str, name: str, content: str) -> str:
    """Return the text with other content between a pair of markers.

    Raises:
        ValueError: the pair is not there exactly once.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"the README needs {start} and, after it, {end}, each once")
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n\n{content.strip()}\n\n{end}{after}"


def first_table(markdown: str) -> str:
    """Return the first pipe table of a document, ``ROWS`` rows of it at most.

    Raises:
        ValueError: there is none.
    """
    rest = dropwhile(lambda line: not line.startswith("|"), markdown.splitlines())
    lines = list(takewhile(lambda line: line.startswith("|"), rest))
    if not lines:
        raise ValueError("the report has no table")
    return "\n".join(lines[: ROWS + 2])


def page(markdown: str) -> str:
    """Return the page with the rendered report, its headings one level down."""
    return PAGE + re.sub(r"^(?=#+ )", "#", markdown, flags=re.MULTILINE)


def screen(report: Report) -> str:
    """Return an SVG of the beginning of what a terminal shows."""
    lines = beginning(rendered(report, "table").splitlines())
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
    drawn = console.export_svg(title="simx bench", unique_id="simx")
    return _FONT_FROM_ELSEWHERE.sub("", drawn).strip() + "\n"


def beginning(lines: list[str]) -> list[str]:
    """Return at most ``LINES`` lines, ending before a blank one where that leaves a table."""
    if len(lines) <= LINES:
        return lines
    blank = [place for place in range(LINES // 2, LINES) if not lines[place].strip()]
    return lines[: blank[-1] if blank else LINES]


def _forget_the_terminal() -> None:
    """Make colours independent of this process's terminal and variables."""
    os.environ.pop("NO_COLOR", None)
    os.environ["TERM"] = "xterm-256color"


if __name__ == "__main__":
    sys.exit(main())
