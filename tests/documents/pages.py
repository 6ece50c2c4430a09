"""The documents, and what a test reads in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

from simx.results.files.report import write
from tests.results.builders import identity, measured, report

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
CHANGELOG = ROOT / "CHANGELOG.md"
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WRITTEN = [page for page in PAGES if page.name != "example-run.md"]
DOCUMENTS = (
    README,
    CONTRIBUTING,
    CHANGELOG,
    RESULTS,
    ROOT / "SECURITY.md",
    ROOT / "tests/data/README.md",
    ROOT / "examples/README.md",
    *PAGES,
)
"""All of them; ``PAGES`` are the site's, and ``WRITTEN`` those that no script makes."""

_FENCE = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(msgspec.Struct, frozen=True):
    """A code block of a document; a title says why it cannot run in a test."""

    language: str
    title: str | None
    body: str


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[Block]:
    """Return a document's code blocks of one language."""
    found = (Block(**match.groupdict()) for match in _FENCE.finditer(text_of(path)))
    return [block for block in found if block.language == language]


def prose(path: Path) -> str:
    return _FENCE.sub("", text_of(path))


def words_of(path: Path) -> str:
    """Return a document's text in one line, so that a sentence is found wherever it breaks."""
    return " ".join(text_of(path).split())


def links(path: Path) -> list[str]:
    return _LINK.findall(prose(path))


def anchors(path: Path) -> set[str]:
    """Return the anchors a page shows for a document's headings."""
    headings = (heading.lower() for heading in _HEADING.findall(prose(path)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def examples() -> Iterator[tuple[str, ...]]:
    """Yield the arguments of every ``simx`` line in a shell block that has any."""
    for path in DOCUMENTS:
        body = "".join(block.body for block in blocks(path, "sh")).replace("\\\n", " ")
        for line in body.splitlines():
            words = shlex.split(line, comments=True)
            while words and "=" in words[0]:
                words = words[1:]
            ends = [place for place, word in enumerate(words) if word in {"|", ">"}]
            words = words[: min(ends, default=len(words))]
            if words[:1] == ["simx"] and words[1:]:
                yield tuple(words[1:])


def two_cells(path: Path) -> Path:
    """Write a report of one backbone on two backends."""
    cells = (
        measured(identity(backend="torch"), milliseconds=50),
        measured(identity(backend="ort"), milliseconds=40),
    )
    write(path, report(*cells))
    return path
