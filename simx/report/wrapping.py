"""Breaks strings into lines by the width they take on a terminal."""

import re
from collections.abc import Iterable

from rich.cells import cell_len, chop_cells

_GAP = re.compile(r"(?<!\d) | (?!(?:ms|µs|s|points)\b|%)")
"""A space, unless it stands between a number and its unit."""


def wrap(text: str, width: int) -> list[str]:
    """Break a string at its spaces into lines of at most ``width`` columns.

    A number stays with its unit, and a word that is wider than a line is broken where it ends.
    """
    return join(_GAP.split(text), " ", width)


def balanced(text: str, width: int) -> list[str]:
    """Break a string like ``wrap``, into lines of about the same length."""
    wrapped = wrap(text, width)
    while width > 1 and len(narrower := wrap(text, width - 1)) == len(wrapped) > 1:
        width -= 1
        wrapped = narrower
    return wrapped


def broken(name: str, width: int) -> list[str]:
    """Break a name behind its underscores into lines of at most ``width`` columns.

    What stands between two underscores stays whole, however wide it is.
    """
    pieces = [piece for piece in re.split(r"(?<=_)", name) if piece]
    return join(pieces, "", max([width, *map(cell_len, pieces)]))


def join(items: Iterable[str], separator: str, width: int) -> list[str]:
    """Join items into lines of at most ``width`` columns, breaking between items where possible.

    The separator stands between the items of a line, not where a line ends.
    """
    finished: list[str] = []
    line = ""
    for item in items:
        longer = line + separator + item if line else item
        if cell_len(longer) <= width:
            line = longer
            continue
        *pieces, line = _pieces(item, separator, width)
        finished += [longer.removesuffix(separator + item)] if longer != item else []
        finished += pieces
    return [*finished, line]


def _pieces(item: str, separator: str, width: int) -> list[str]:
    """Return an item that starts a line, as the lines it needs by itself."""
    if cell_len(item) <= width:
        return [item]
    return wrap(item, width) if " " in item and separator != " " else chop_cells(item, width)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill a string with spaces up to ``width`` columns; ``right`` aligns it to the right."""
    space = " " * max(0, width - cell_len(text))
    return space + text if right else text + space
