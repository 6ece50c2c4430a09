"""Puts a real run into the README: its tables as Markdown, and a picture of them on a terminal.

    python scripts/make_readme.py REPORT

What stands in the README between ``<!-- picture -->`` and ``<!-- /picture -->``, and between
``<!-- tables -->`` and ``<!-- /tables -->``, is replaced; the rest is left alone. The same report
gives the same bytes, whoever's terminal it is made on.
"""

import argparse
import io
import os
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from simx.common.atomic import write_atomically
from simx.common.errors import SimxError
from simx.models.ranges import DEFAULT_RANGES
from simx.report.content import Screen, render
from simx.report.contents import report_content
from simx.results.files.report import read
from simx.results.schema.report import Report

ROOT = Path(__file__).resolve().parent.parent

WIDTH = 110
"""Columns of the picture's terminal."""

LINES = 60
"""Lines of the picture at most; it ends with the last table that is whole by then."""

ALTERNATIVE_TEXT = "What simx bench prints: a table of times with their intervals"

_FONT_FROM_ELSEWHERE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""The picture must not ask a server for its font; every character has its place without it."""


def main() -> int:
    """Write the picture and the README, and return the process's exit status."""
    parser = argparse.ArgumentParser(description="Put a run's tables into the README.")
    parser.add_argument("report", type=Path, help="a report that simx bench wrote")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "terminal.svg")
    options = parser.parse_args()
    _forget_the_terminal()
    try:
        update(options.report, options.readme, options.picture)
    except (SimxError, ValueError) as error:
        print(f"make_readme: {error}", file=sys.stderr)
        return 1
    return 0


def update(report_path: Path, readme: Path, picture: Path) -> None:
    """Render a report into the README and the picture beside it.

    Raises:
        SimxError: the report cannot be read, or a file cannot be written.
        ValueError: the README lacks one of the marked places.
    """
    report = read(report_path)
    address = Path(os.path.relpath(picture, readme.parent)).as_posix()
    text = readme.read_text(encoding="utf-8")
    text = filled(text, "picture", f"![{ALTERNATIVE_TEXT}]({address})")
    text = filled(text, "tables", tables(report))
    picture.parent.mkdir(exist_ok=True)
    write_atomically(picture, screen(report).encode())
    write_atomically(readme, text.encode())


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


def tables(report: Report) -> str:
    """Return the report as Markdown, its headings two levels down, below the README's own."""
    content = report_content([report], DEFAULT_RANGES)
    markdown = render(content, "markdown", Screen(width=WIDTH))
    return re.sub(r"^(?=#+ )", "##", markdown, flags=re.MULTILINE)


def screen(report: Report) -> str:
    """Return an SVG of the beginning of what a terminal shows."""
    content = report_content([report], DEFAULT_RANGES)
    lines = beginning(render(content, "table", Screen(width=WIDTH, color=True)).splitlines())
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
    """Whether colours are wanted, and which, is a matter of the picture alone."""
    os.environ.pop("NO_COLOR", None)
    os.environ["TERM"] = "xterm-256color"


if __name__ == "__main__":
    sys.exit(main())
