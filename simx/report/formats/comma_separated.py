"""Rows -> CSV that a spreadsheet cannot take for anything but data."""

import re
from collections.abc import Iterable, Mapping, Sequence

from simx.common.safe_text import clean
from simx.results.schema.report import Identity

IDENTITY = ("model", "weights", "embedding", "backend", "provider", "precision", "batch", "threads")
LOAD = ("instances", "scenario", "rate", "latency_bound", "shared_session", "kind")
"""What else identifies a cell; the last columns."""

Scalar = str | float | bool | None

_FORMULA = re.compile(r"[=+\-@\uFF1D\uFF0B\uFF0D\uFF20']")
"""The first character of a formula, in full width too, and the apostrophe that marks text."""

_SEPARATOR = re.compile(r"[,;\t\"\r\n]")
"""What separates cells in any program."""


def written(header: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return CSV, empty where a row lacks a field; foreign text must have come through ``safe``."""
    texts = ([row.get(name, "") for name in header] for row in rows)
    return "".join(f"{','.join(map(_quoted, each))}\n" for each in (header, *texts))


def safe(text: str) -> str:
    """Return text that a spreadsheet takes for text: what looks like a formula gets an apostrophe.

    Text that begins with an apostrophe gets one too, so that a program can remove one from either.
    Numbers do not come through here: -1.83 stays a number.
    """
    cleaned = clean(text)
    return f"'{cleaned}" if _FORMULA.match(cleaned) else cleaned


def field(value: Scalar) -> str:
    """Return foreign text, or a figure with nine digits; empty for None."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.9g}"


def figure(value: float | None, unit: float = 1.0) -> str:
    """Return a figure in a unit, with six decimals; empty for None."""
    return "" if value is None else f"{value / unit:.6f}"


def identity_fields(identity: Identity) -> dict[str, str]:
    """Return the fields of an identity; empty where one is unknown."""
    values = ((name, getattr(identity, name)) for name in (*IDENTITY, *LOAD))
    texts = (
        (key, str(value).lower() if isinstance(value, bool) else value) for key, value in values
    )
    return {name: "" if text is None else safe(str(text)) for name, text in texts}


def _quoted(cell: str) -> str:
    """Quote a cell by RFC 4180, also for the separators of other countries."""
    return '"' + cell.replace('"', '""') + '"' if _SEPARATOR.search(cell) else cell
