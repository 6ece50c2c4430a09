"""What a worker wrote to stderr in the end, fit for a report that is given away.

Bounded, in visible characters, and without the folders of paths, which tell whose machine it was.
"""

import getpass
import os
import re
import socket
import unicodedata
from collections.abc import Iterator

MOST_LINES = 12
MOST_CHARACTERS = 160
"""Of a line: what a traceback or a library's complaint takes."""

TAIL_BYTES = 16_000
"""Of the end of stderr that is looked at."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x1b\\|\x07|$)|[ -/]*[0-~]?)")
_HOMES = re.compile(r"(?<![\w.])(?:/home|/Users|[A-Za-z]:\\Users)[/\\][^\s/\\:'\"]+")
_FOLDERS = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\:'\"]+)*[/\\](?=[^\s/\\:'\"]+)")
_SHORTEST_NAME = 4
"""Shorter names of users and hosts (``root`` aside) are parts of other words' meaning."""


def stderr_tail(stderr: bytes) -> tuple[str, ...]:
    """Return the last lines of what a worker wrote."""
    lines = stderr[-TAIL_BYTES:].decode(errors="replace").split("\n")
    shown = [text for line in lines if (text := _anonymous(_visible(line)))]
    return tuple(_cut(text) for text in shown[-MOST_LINES:])


def _visible(line: str) -> str:
    text = _ESCAPE.sub("", line)
    kept = (" " if unicodedata.category(each) == "Cc" else each for each in text)
    return "".join(each for each in kept if unicodedata.category(each)[0] != "C").strip()


def _anonymous(line: str) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    if len(home) > 1:
        line = line.replace(home, "~")
    line = _FOLDERS.sub("", _HOMES.sub("~", line))
    for name, stands_for in _names():
        line = re.sub(rf"\b{re.escape(name)}\b", stands_for, line)
    return line


def _names() -> Iterator[tuple[str, str]]:
    """Give the names of this user and this machine, and what is said instead."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = ""
    for name, stands_for in ((user, "USER"), (socket.gethostname(), "HOST")):
        if len(name) >= _SHORTEST_NAME and name not in {"root", "localhost"}:
            yield name, stands_for


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
