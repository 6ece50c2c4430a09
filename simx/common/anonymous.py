"""Removes from a text what identifies a machine: folders, users and hosts.

For every text in a report, since reports are published. Messages on the terminal keep their paths.
"""

import getpass
import os
import pwd
import re
import socket
from collections.abc import Iterator
from contextlib import suppress

_QUOTED = re.compile(r"(['\"])(?:~|\.{1,2})?/(?:[^'\"\n]*/)?([^'\"/\n]*)\1")
"""A path in quotes, which may have spaces in its folders."""

_HOMES = re.compile(r"(?<![\w.])(?:/home|/Users|[A-Za-z]:\\Users)[/\\][^\s/\\:'\"]+")
_PART = r"[^\s/\\:'\"]+"
_SPACED = r"[^\s/\\:'\".~]+(?: [^\s/\\:'\".~]+){1,3}"
"""A folder's name with spaces. It has no dot, unlike a file with the text behind it."""

_FOLDERS = re.compile(
    r"(?<![\w./\\])(?:~[\w.-]*|\.{1,2}|[A-Za-z]:)?"
    rf"(?:[/\\]+(?:{_PART}|{_SPACED}))*[/\\]+(?={_PART})"
)

_RELATIVE = re.compile(r"(?<![\w./~-])(?:[\w.-]+/)+(?=[\w.-]*\.[A-Za-z]\w*)")
"""The folders before a file with an extension."""

_SHORTEST_NAME = 3
"""Shorter names are also common words."""

_COMMON_NAMES = {"root", "localhost"}


def anonymous(text: str) -> str:
    """Return a text whose paths are reduced to the names of their files.

    A home folder becomes ``~``, and the names of this user and this host become ``USER`` and
    ``HOST``, unless they are shorter than three characters or ``root``.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    text = _QUOTED.sub(r"\1\2\1", text)
    text = _RELATIVE.sub("", _FOLDERS.sub("", _HOMES.sub("~", text)))
    for name, stands_for in _names():
        if len(name) >= _SHORTEST_NAME and name not in _COMMON_NAMES:
            text = re.sub(rf"\b{re.escape(name)}\b", stands_for, text)
    return text


def _names() -> Iterator[tuple[str, str]]:
    """Yield the names of this user and this host, the longest of a host's first."""
    for user in (getpass.getuser, lambda: pwd.getpwuid(os.getuid()).pw_name):
        with suppress(OSError, KeyError, ImportError):
            yield user(), "USER"
    host = socket.gethostname()
    yield host, "HOST"
    yield host.partition(".")[0], "HOST"
