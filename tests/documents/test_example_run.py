"""``scripts/make_readme.py`` makes the example of a run from a report."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.documents.pages import README, ROOT, text_of, two_cells

SCRIPT = ROOT / "scripts" / "make_readme.py"


def make(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script on the README of a folder, which is a copy of ours unless it has one."""
    readme = folder / "README.md"
    if not readme.exists():
        readme.write_text(text_of(README), encoding="utf-8")
    return subprocess.run(
        [sys.executable, SCRIPT, two_cells(folder / "report.json"), "--root", folder],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def made(folder: Path) -> tuple[str, str, str]:
    """Return README, page and picture."""
    files = ("README.md", "docs/example-run.md", "docs/terminal.svg")
    readme, page, picture = (text_of(folder / name) for name in files)
    return readme, page, picture


def test_the_example_is_made_the_same_twice(tmp_path: Path) -> None:
    """Made again on any terminal, the same report gives the same bytes, between marks alone."""
    make(tmp_path).check_returncode()
    first = made(tmp_path)
    make(tmp_path, NO_COLOR="1", TERM="dumb", COLUMNS="60").check_returncode()
    marked = re.compile(r"<!-- table -->.*?<!-- /table -->", re.DOTALL)

    assert made(tmp_path) == first
    assert marked.sub("", first[0]) == marked.sub("", text_of(README))
    assert first[0] != text_of(README)


def test_the_example_shows_the_report(tmp_path: Path) -> None:
    """README and page have the report's backbone, and the page says that it is generated."""
    make(tmp_path).check_returncode()
    readme, page, _ = made(tmp_path)

    assert re.search(r"^\| resnet18:V1 \|.*50", readme, re.MULTILINE)
    assert "resnet18:V1" in page
    assert "made by scripts/make_readme.py" in page


def test_the_picture_stands_alone(tmp_path: Path) -> None:
    """The picture shows the report's table and loads nothing from a server."""
    make(tmp_path).check_returncode()
    _, _, picture = made(tmp_path)

    assert "resnet18" in picture
    assert "url(&quot;http" not in picture
    assert 'url("http' not in picture


def test_a_readme_without_its_marks_is_left_alone(tmp_path: Path) -> None:
    """The script refuses, in one line, a file that does not say where the table goes."""
    readme = tmp_path / "README.md"
    readme.write_text("# nothing marked\n", encoding="utf-8")
    ran = make(tmp_path)

    assert ran.returncode == 1
    assert ran.stderr.startswith("make_readme: the README needs <!-- table -->")
    assert readme.read_text(encoding="utf-8") == "# nothing marked\n"


def test_the_committed_example_is_generated() -> None:
    """The page in the repository is the script's."""
    assert "made by scripts/make_readme.py" in text_of(ROOT / "docs" / "example-run.md")
