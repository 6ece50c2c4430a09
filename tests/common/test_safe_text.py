"""Strings from files are safe to print."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.safe_text import clean, counted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("resnet18", "resnet18"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://example.org\x1b\\link", "link"),
        ("\x9b31mred", "31mred"),
        ("two\nlines\r\n", "two lines"),
        ("a\u2028b", "a b"),
        ("\u202egnp.exe", "gnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("caf\udce9", "caf"),
        ("naïve 猫", "naïve 猫"),
    ],
)
def test_only_visible_characters_stay(text: str, shown: str) -> None:
    """Escape sequences go whole, breaks become spaces, invisible characters go."""
    assert clean(text) == shown


@given(st.text(st.characters(), max_size=50))
def test_nothing_invisible_gets_through(text: str) -> None:
    """Whatever the text, what comes out is one line without a control character."""
    categories = {unicodedata.category(character) for character in clean(text)}

    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "cell", "0 cells"),
        (1, "cell", "1 cell"),
        (2000, "cell", "2,000 cells"),
        (1, "launch", "1 launch"),
        (3, "launch", "3 launches"),
        (1.0, "core", "1 core"),
        (1.5, "core", "1.5 cores"),
    ],
)
def test_one_is_singular(count: float, noun: str, text: str) -> None:
    """All other counts, fractions and zero too, are plural."""
    assert counted(count, noun) == text
