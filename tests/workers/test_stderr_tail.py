"""What a worker said in the end can be given away."""

import getpass
import os
import socket
from pathlib import Path

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


def test_folders_and_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose machine it was is nobody's business; which file it was helps."""
    monkeypatch.setenv("HOME", "/srv/people/carol")
    monkeypatch.setattr(getpass, "getuser", lambda: "carol")
    monkeypatch.setattr(socket, "gethostname", lambda: "northwind")
    text = """  File "/srv/people/carol/work/run.py", line 3, in f
cannot write to /srv/people/carol
/home/alice is full, C:\\Users\\bob\\models\\net.onnx too
carol@northwind: killed
2/3 of 7 MB/s"""

    assert stderr_tail(text.encode()) == (
        'File "run.py", line 3, in f',
        "cannot write to ~",
        "~ is full, net.onnx too",
        "USER@HOST: killed",
        "2/3 of 7 MB/s",
    )


@given(st.binary(max_size=4000))
def test_whatever_was_written_is_short_and_visible(data: bytes) -> None:
    """Bytes that are no text, escape codes and control characters do no harm."""
    lines = stderr_tail(data)

    assert len(lines) <= MOST_LINES
    assert all(line.isprintable() and 0 < len(line) <= MOST_CHARACTERS for line in lines)


def test_this_user_s_home_is_left_out() -> None:
    """Where it is asked of the system."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - as it is asked there
    (line,) = stderr_tail(f"cannot open {home / 'folder' / 'net.onnx'}".encode())

    assert line == "cannot open net.onnx"
