"""Strings are broken by the width they take on a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simx.report.wrapping import balanced, broken, join, wrap


def test_lines_break_at_spaces() -> None:
    """A line takes as many words as fit."""
    assert wrap("one two three four", 9) == ["one two", "three", "four"]


def test_a_long_word_is_broken() -> None:
    """A word wider than a line goes on in the next one."""
    assert wrap("a abcdefgh b", 5) == ["a", "abcde", "fgh b"]


def test_a_number_stays_with_its_unit() -> None:
    """A line ends before both or behind both."""
    assert wrap("takes 1.0900 ms or 3 % of it", 13) == ["takes", "1.0900 ms or", "3 % of it"]
    assert wrap("all 20 models", 8) == ["all 20", "models"]


def test_a_name_breaks_behind_its_underscores() -> None:
    """What stands between two of them stays whole, and as much of it as fits shares a line."""
    assert broken("shufflenet_v2_x0_5", 9) == ["shufflenet_", "v2_x0_5"]
    assert broken("resnet18", 3) == ["resnet18"]
    assert broken("__a", 1) == ["_", "_", "a"]


def test_items_break_between_each_other() -> None:
    """An item stays whole where it can, and the separator does not end a line."""
    assert join(["one two", "three", "four"], " · ", 15) == ["one two · three", "four"]
    assert join(["one two three", "four"], " · ", 8) == ["one two", "three", "four"]


def test_balanced_lines_leave_no_orphan() -> None:
    """As many lines as needed, of about one length."""
    assert balanced("similarity inference time, µs", 27) == ["similarity", "inference time, µs"]
    assert balanced("forward", 20) == ["forward"]


@given(st.text(st.sampled_from("ab 猫"), max_size=60), st.integers(2, 20))
def test_wrapping_keeps_every_character_and_the_width(text: str, width: int) -> None:
    """Nothing but spaces is lost, and no line is wider than asked for."""
    lines = wrap(text, width)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)
