"""Markdown: the terminal's tables, and no string becomes markup."""

import re

import pytest

from simx.report.formats.markdown import escape
from tests.report.samples import HOSTILE, expected, rendered, two_backbones
from tests.results.builders import failed, identity, measured, report


def test_the_whole_output_is_as_expected() -> None:
    """Groups head their columns, figures stand to the right, the fastest is bold."""
    assert rendered(two_backbones(), form="markdown") == expected("report.md")


def test_the_terminals_width_does_not_matter() -> None:
    """A page is as wide as it is."""
    narrow, wide = (rendered(two_backbones(), form="markdown", width=width) for width in (80, 200))

    assert narrow == wide


def test_the_origins_layout_names_its_sections() -> None:
    """A row says which image it is about, having no heading above it."""
    output = rendered(two_backbones(), form="markdown", layout="origin")

    assert "| negative: similarity, % | torch cpu | -1.83 | -1.83° |" in output


def test_a_single_backend_is_in_the_heading_of_its_tables() -> None:
    """No table has a column for it."""
    output = rendered(report(measured()), form="markdown")

    assert "## GFLOPS 1-3 (from 1 to below 4), 1 backbone on torch cpu" in output
    assert "| model | forward<br>ms |" in output


def test_every_row_has_as_many_fields_as_its_heading() -> None:
    """A string with pipes and line breaks does not add a field or a row."""
    of = report(
        measured(identity(f"a|b {HOSTILE}", HOSTILE, HOSTILE)),
        failed(reason=HOSTILE),
        notes=["a|b"],
    )
    lines = rendered(of, form="markdown").splitlines()
    tables = [line for line in lines if line.startswith("|")]
    fields = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    rules = [place for place, line in enumerate(tables) if line.startswith("| ---")]

    assert tables
    for rule in rules:
        assert fields[rule - 1 : rule + 3] == [fields[rule]] * 4


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("mobilenet_v3_large", "mobilenet_v3_large"),
        ("_a_ b_c", r"\_a\_ b_c"),
        ("a|b", r"a\|b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("[x](http://y) `z` *e*", r"\[x\](http:\//y) \`z\` \*e\*"),
        (r"\|", r"\\\|"),
    ],
)
def test_what_would_be_markup_is_escaped(text: str, markdown: str) -> None:
    """Names stay readable, and nothing is a link, a tag or emphasis."""
    assert escape(text) == markdown
