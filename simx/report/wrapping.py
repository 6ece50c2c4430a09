"""Breaks strings into lines by the width they take on a terminal."""

from collections.abc import Iterable

from rich.cells import cell_len, chop_cells


def wrap(text: str, width: int) -> list[str]:
    """Break a string at its spaces into lines of at most ``width`` columns.

    A word that is wider than a line is broken where the line ends.
    """
    return join(text.split(" "), " ", width)


def balanced(text: str, width: int) -> list[str]:
    """Break a string like ``wrap``, into lines of about the same length."""
    wrapped = wrap(text, width)
    while width > 1 and len(narrower := wrap(text, width - 1)) == len(wrapped) > 1:
        width -= 1
        wrapped = narrower
    return wrapped


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
