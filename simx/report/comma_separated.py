"""Rows -> CSV that a spreadsheet cannot take for anything but data."""

import csv
import io
from collections.abc import Iterable, Sequence

from simx.report.clean import clean


def to_string(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return CSV; text that is not our own has to come through ``safe``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def safe(text: str) -> str:
    """Return text that a spreadsheet takes for text: what looks like a formula gets a quote."""
    cleaned = clean(text)
    return f"'{cleaned}" if cleaned.startswith(("=", "+", "-", "@")) else cleaned
