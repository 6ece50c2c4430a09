"""JSON that a terminal shows as it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.report.formats.json_text import escaped, json_document


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
