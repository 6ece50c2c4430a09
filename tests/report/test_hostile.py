"""No text from a file becomes markup, an escape code or a formula in any form of anything."""

import csv
import io
import json
import math
from collections.abc import Iterator
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from simx.report.content import Form, render
from simx.report.contents import diagnosis_content, selfcheck_content
from simx.report.formats.comma_separated import safe
from simx.report.formats.markdown import escape
from simx.report.listing import ListColumn, listing_content
from simx.results.schema.diagnosis import Diagnosis, ProviderDiagnosis, StoreDiagnosis
from simx.results.schema.report import Report
from simx.results.schema.selfcheck import Check, SelfCheck
from tests.faults.documents import full_report
from tests.report.every import FORMS, SCREEN, differences, exchanges, histories, renderings
from tests.report.samples import quotations, two_backbones

HOSTILE = (
    "=cmd|'/c calc'!A1",
    "+1;=2",
    "@SUM(A1)\t=1",
    "\uff1d1+1",
    "'=1",
    "-- -",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b]8;;http://x\x1b\\",
    "\x9b31m\x85\x00\x7f",
    "\u202egnp.exe\u2066\u200b\ufeff\u2028\r\n",
    "[red]x[/red][link=http://x]y[/link]",
    "<hostile onload=alert(1)>&lt;</script><hostile></td></table>",
    "\"'><hostile onload='x'>",
    "|`x`| **b** _i_ ~~s~~ [l](http://x) ![p](http://x) <!-- # h",
    "http://example.org www.example.org",
    "1. one",
    "\ud800\udcff",
    "e\u0301\U000e0041\ufffe\U0001f600",
    "x" * 300,
    "",
)

texts = st.sampled_from(HOSTILE) | st.text(
    st.characters() | st.sampled_from("=+-@'\"|`*_<>&[]()!#\\~\n\r\t\x1b\x9b\u202e"), max_size=30
)

REPORTS = (full_report(), two_backbones(), quotations())


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield the path of every text in a record's builtins, those of a fixed choice aside."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from places(child, (*path, key))
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from places(child, (*path, index))
    elif isinstance(value, str):
        yield path


FIXED = {
    "created",
    "scenario",
    "scope",
    "image",
    "status",
    "embedding",
    "weights_origin",
    "ended_by",
    "schema",
}
CHOSEN = {("config", name) for name in ("precisions", "profile", "weights")}
"""Fixed choices whose names are also those of free texts."""
PLACES = tuple(
    tuple(
        path
        for path in places(json.loads(msgspec.json.encode(report)))
        if not FIXED & {path[-1], path[0]} and path[:2] not in CHOSEN
    )
    for report in REPORTS
)


def with_texts(report: Report, found: dict[tuple[object, ...], str]) -> Report:
    tree = json.loads(msgspec.json.encode(report))
    for path, text in found.items():
        value = tree
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = text
    return msgspec.convert(tree, Report)


@st.composite
def hostile_reports(draw: st.DrawFn) -> Report:
    """One of the reports, with one to five of its texts hostile, or all of them."""
    number = draw(st.integers(0, len(REPORTS) - 1))
    if draw(st.booleans()):
        text = draw(texts)
        return with_texts(REPORTS[number], dict.fromkeys(PLACES[number], text))
    some = st.dictionaries(st.sampled_from(PLACES[number]), texts, min_size=1, max_size=5)
    return with_texts(REPORTS[number], draw(some))


@settings(max_examples=15)
@given(hostile_reports(), texts)
def test_reports_and_comparisons_are_harmless(report: Report, name: str) -> None:
    """Every text field of a report, in every form of reports, decisions and comparisons."""
    of_several = (*differences(report, REPORTS[0], name), *histories(report, name))
    for form, text in (*renderings(report), *exchanges(report), *of_several):
        is_first = not form.startswith(("diff", "history"))
        assert_harmless(form.split()[0 if is_first else -1], text)


@settings(max_examples=50)
@given(st.lists(texts, min_size=2, max_size=4))
def test_lists_are_harmless(found: list[str]) -> None:
    """The lists of ``models`` and ``export``."""
    columns: tuple[ListColumn[str], ...] = (
        ListColumn("model", lambda text: text, text=True),
        ListColumn("weights", lambda _: found[0], text=True),
    )
    for form in FORMS:
        assert_harmless(form, render(listing_content(found, columns), form, SCREEN))


@settings(max_examples=50)
@given(texts)
def test_what_doctor_and_selfcheck_found_is_harmless(text: str) -> None:
    """What a system and its libraries say of themselves is text from elsewhere, too."""
    environment = with_texts(REPORTS[0], {("environment", "cpu"): text}).environment
    assert environment is not None
    found = Diagnosis(
        environment=environment,
        threads=2,
        providers=(
            ProviderDiagnosis(
                backend=text, provider=text, named=True, proof={}, reason=text, remedy=text
            ),
            ProviderDiagnosis(
                backend=text, provider=text, named=False, proof={text: 1}, reason=None, remedy=None
            ),
        ),
        distributions={text: text},
        cuda={text: text},
        cached_weights=0,
        store=StoreDiagnosis(exports=0, free_bytes=1),
        problems=(text,),
        advice=(text,),
    )
    check = Check(name=text, unit=text, value=1.0, bound=text, verdict="fails", note=text)
    checked = SelfCheck(
        created=text,
        simx=text,
        quick=True,
        threads=2,
        seconds=1.0,
        noise_floor=None,
        checks=(check,),
    )
    forms: tuple[Form, ...] = ("table", "markdown", "json")
    for form in forms:
        assert_harmless(form, render(diagnosis_content(found), form, SCREEN))
        assert_harmless(form, render(selfcheck_content(checked), form, SCREEN))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-x", "'-x"),
        ("\t=1", "'=1"),
        ("\r\n@x", "'@x"),
        ("\uff1d1", "'\uff1d1"),
        ("'quoted", "''quoted"),
        ("resnet18", "resnet18"),
        ("a=1", "a=1"),
    ],
)
def test_a_formula_gets_an_apostrophe(text: str, cell: str) -> None:
    """One apostrophe tells a spreadsheet that it is text; what has one gets another."""
    assert safe(text) == cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-1.83", "-1.83"),
        ("- item", "\\- item"),
        ("--", "\\--"),
        ("1. one", "1\\. one"),
        ("1.5", "1.5"),
        ("http://x", "http:\\//x"),
        ("www.x", "www\\.x"),
    ],
)
def test_markdown_is_escaped_where_it_would_mean_something(text: str, shown: str) -> None:
    """Figures and ordinary words stay as they are."""
    assert escape(text) == shown


def assert_harmless(form: str, text: str) -> None:
    stray = {character for character in text if not character.isprintable()} - {"\n"}
    if form == "html":
        assert_page_is_harmless(text)
        return
    assert stray == set()
    match form:
        case "csv" | "otava":
            assert_cells_are_data(text)
        case "markdown":
            assert_markdown_is_text(text)
        case "json" | "bencher" | "github-action-benchmark":
            json.loads(text, parse_constant=pytest.fail)
        case "openmetrics":
            assert all(line.startswith(("# ", "simx_latency_")) for line in text.splitlines())
        case "table":
            assert all(len(line) < 5000 for line in text.splitlines())
        case _:
            pytest.fail(f"nothing is known of {form}")


def assert_cells_are_data(text: str) -> None:
    header, *rows = csv.reader(io.StringIO(text))
    for row in rows:
        assert len(row) == len(header)
        for cell in row:
            assert not cell.startswith(tuple("=+@\t\r\uff1d\uff0b\uff20\uff0d")), cell
            assert not cell.startswith("-") or math.isfinite(float(cell))


def assert_markdown_is_text(text: str) -> None:
    """Parsed, it has nothing but headings, lists, tables, strong text and our own line breaks."""
    allowed = {"text", "strong_open", "strong_close", "softbreak"}
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for token in parser.parse(text):
        assert token.type not in {"html_block", "fence", "code_block", "blockquote_open"}
        for child in token.children or ():
            is_own_break = child.type == "html_inline" and child.content == "<br>"
            assert child.type in allowed or is_own_break, child
    assert "://" not in text


class _Elements(HTMLParser):
    """Refuses what only hostile text has."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "hostile"
        assert not [name for name, _ in attrs if name.startswith("on")]


def assert_page_is_harmless(text: str) -> None:
    _Elements(convert_charrefs=True).feed(text)
    bidirectional = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x1b\x9b\0")
    assert not bidirectional & set(text)
