"""The last lines of a worker are fit for a report, and memory kills differ from other kills."""

import getpass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.workers.ending import MOST_CHARACTERS, MOST_LINES, MemoryKills, stderr_tail


def test_the_last_lines_are_kept() -> None:
    """In their order, without empty ones, each of a bounded length."""
    text = "\n".join(["", *(f"line {number}" for number in range(50)), "x" * 1000, "  "])
    lines = stderr_tail(text.encode())

    assert len(lines) == MOST_LINES
    assert lines[-2] == "line 49"
    assert lines[-1] == "x" * (MOST_CHARACTERS - 1) + "…"


def test_paths_and_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line can be published."""
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


@pytest.mark.parametrize(
    ("before", "later", "remark"),
    [
        ((1, 5), (2, 6), " because the system ran out of memory"),
        ((1, 5), (1, 6), " while the system was out of memory"),
        ((None, 5), (None, 6), " while the system was out of memory"),
        ((1, 5), (1, 5), ", but not by the kernel for lack of memory"),
        ((None, None), (None, None), " (often the system running out of memory)"),
    ],
)
def test_a_higher_count_shows_a_memory_kill(
    before: tuple[int | None, int | None], later: tuple[int | None, int | None], remark: str
) -> None:
    """The count of the own group is a proof, that of the whole system a hint."""
    assert MemoryKills(*before).remark(MemoryKills(*later)) == remark
