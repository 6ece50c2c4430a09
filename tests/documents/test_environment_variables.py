"""The page of environment variables says what the workers' list does."""

import re

import pytest

from simx.workers.variables import FAMILIES, Family, is_kept
from tests.documents.pages import ROOT, text_of

PAGE = text_of(ROOT / "docs" / "environment-variables.md")
SECTIONS = dict(
    section.split("\n", 1)
    for section in PAGE.partition("## What the runtimes read")[2].split("### ")
)
ROW = re.compile(r"^\| (`[A-Z].*?) \| .* \| (removed|kept) \|$", re.MULTILINE)
QUOTED = re.compile(r"`([A-Z][A-Z0-9_]*)`")
ROWS = [
    (name, treatment) for names, treatment in ROW.findall(PAGE) for name in QUOTED.findall(names)
]


@pytest.mark.parametrize(("name", "treatment"), ROWS)
def test_a_variable_is_treated_as_the_page_says(name: str, treatment: str) -> None:
    """Removed from the workers, or kept."""
    assert is_kept(name) is (treatment == "kept")


def test_no_variable_is_named_twice() -> None:
    """And there are as many as make a table worth having."""
    names = [name for name, _ in ROWS]

    assert len(names) > 100
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.runtimes)
def test_every_family_has_its_section(family: Family) -> None:
    """With all of its prefixes, and all variables that are named one by one."""
    section = SECTIONS[family.runtimes]
    prefixes = section.partition("Prefixes: ")[2].partition(".")[0]

    assert tuple(QUOTED.findall(prefixes)) == family.prefixes
    assert {*family.names, *family.kept} <= set(QUOTED.findall(section))
