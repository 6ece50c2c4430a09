"""The last lines of a worker are short, visible and anonymous."""

import getpass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.workers.stderr_tail import MOST_CHARACTERS, MOST_LINES, stderr_tail


def test_the_last_lines_are_kept() -> None:
    """In their order, without empty ones, each of a bounded length."""
    text = "\n".join(["", *(f"line {number}" for number in range(50)), "x" * 1000, "  "])
    lines = stderr_tail(text.encode())

    assert len(lines) == MOST_LINES
    assert lines[-2] == "line 49"
    assert lines[-1] == "x" * (MOST_CHARACTERS - 1) + "…"


def test_paths_and_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line can be given away."""
    monkeypatch.setenv("HOME", "/srv/people/carol")
    monkeypatch.setattr(getpass, "getuser", lambda: "carol")
    text = '  File "/srv/people/carol/run.py", line 3\n\x1b[31mcarol: killed'

    assert stderr_tail(text.encode()) == ('File "run.py", line 3', "USER: killed")


@given(st.binary(max_size=4000))
def test_whatever_was_written_is_short_and_visible(data: bytes) -> None:
    """Bytes that are no text, escape codes and control characters do no harm."""
    lines = stderr_tail(data)

    assert len(lines) <= MOST_LINES
    assert all(line.isprintable() and 0 < len(line) <= MOST_CHARACTERS for line in lines)
