"""Rows -> CSV that a spreadsheet cannot take for anything but data."""

import re
from collections.abc import Iterable, Sequence

from simx.common.safe_text import clean

_FORMULA = re.compile(r"[=+\-@\uFF1D\uFF0B\uFF0D\uFF20']")
"""What a formula begins with, in full width too, and the apostrophe that marks text."""

_SEPARATOR = re.compile(r"[,;\t\"\r\n]")
"""What separates cells, to whichever program opens the file."""


def written(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return CSV; text that is not our own has to come through ``safe``."""
    return "".join(f"{','.join(map(_quoted, row))}\n" for row in (header, *rows))


def safe(text: str) -> str:
    """Return text that a spreadsheet takes for text: what looks like a formula gets an apostrophe.

    So does what begins with one, so that a program which takes one off has the text again. Numbers
    do not come through here: -1.83 stays a number.
    """
    cleaned = clean(text)
    return f"'{cleaned}" if _FORMULA.match(cleaned) else cleaned


def _quoted(cell: str) -> str:
    """Quote a cell as RFC 4180 has it, also for a separator that only other countries use."""
    return '"' + cell.replace('"', '""') + '"' if _SEPARATOR.search(cell) else cell
