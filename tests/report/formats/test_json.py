"""JSON: the report itself, and records that a terminal shows as they are."""

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.report.formats.json import escaped, json_document
from simx.results.files.report import encode
from simx.results.schema.report import Report
from tests.report.samples import rendered, two_backbones


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 猫", "naïve 猫"),
        ("\u202egnp", "\\u202egnp"),
        ("\x9b31m\x7f", "\\u009b31m\\u007f"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("a\u00a0b", "a\\u00a0b"),
    ],
)
def test_what_does_not_show_is_an_escape(text: str, shown: str) -> None:
    """Visible characters stay as they are."""
    assert escaped(f'"{text}"') == f'"{shown}"'


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_it_means_the_same(text: str) -> None:
    """Whatever the text, it is read back, and every character of the JSON shows."""
    written = json_document([text])

    assert json.loads(written) == [text]
    assert all(character.isprintable() or character == "\n" for character in written)


def test_what_is_no_text_becomes_question_marks() -> None:
    """A file name that is no UTF-8 does not keep the rest from being written."""
    assert json.loads(json_document({"path": ("a\udcff", 1)})) == {"path": ["a?", 1]}


@pytest.mark.parametrize("name", ["a", "a\udcff"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_becomes_null(name: str, number: float) -> None:
    """JSON has no infinity, whatever else is in the document."""
    assert json.loads(json_document([name, number]), parse_constant=pytest.fail)[1] is None


def test_one_report_is_rendered_as_its_file() -> None:
    """The output can be read as a report again."""
    assert rendered(two_backbones(), form="json").encode() == encode(two_backbones())


def test_several_reports_are_a_list() -> None:
    """In their order, and valid JSON."""
    output = rendered(two_backbones(), two_backbones(), form="json")

    assert msgspec.convert(json.loads(output), list[Report]) == [two_backbones()] * 2
