"""Ranges of GFLOPS: what tables are grouped by and what ``--gflops`` selects.

Ranges are half open. A whole upper number includes all figures that begin with it: ``4-6`` is
[4, 7). One with a decimal point is excluded: ``0.5-1.5`` is [0.5, 1.5). Labels follow the same
rule, so every label can be typed again as a range.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from simx.common.errors import InputError

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_RANGE = re.compile(rf"{_NUMBER}(?:\s*(?:(\+|-\s*ongoing)|-\s*{_NUMBER}))?", re.ASCII)
_EDGE = re.compile(rf"{_NUMBER}\s*(\+|-\s*ongoing)?", re.ASCII)


class Range(msgspec.Struct, frozen=True):
    """GFLOPS from ``low`` up to but not including ``high``, which is infinite for the last one."""

    label: str
    low: float
    high: float

    def __contains__(self, gflops: float | None) -> bool:
        return gflops is not None and self.low <= gflops < self.high


DEFAULT_RANGES = (
    Range("0", 0.0, 1.0),
    Range("1-3", 1.0, 4.0),
    Range("4-6", 4.0, 7.0),
    Range("7-8", 7.0, 9.0),
    Range("9-15", 9.0, 16.0),
    Range("16-31", 16.0, 32.0),
    Range("32+", 32.0, math.inf),
)
"""What tables are grouped by unless other edges are given."""


def ranges_between(edges: Sequence[float]) -> tuple[Range, ...]:
    """Return the ranges between neighbouring edges, and from the last edge on.

    Args:
        edges: at least one, increasing, in GFLOPS.
    """
    ends = [*edges, math.inf]
    return tuple(Range(_label(low, high), low, high) for low, high in pairwise(ends))


def ranges_from_edges(text: str) -> tuple[Range, ...]:
    """Read the value of ``--ranges``: where ranges begin, separated by commas.

    The last one has no end, which ``9-ongoing`` or ``9+`` may say.

    Raises:
        InputError: Not such a list, or it does not begin at 0 and increase.
    """
    edges = []
    parts = text.split(",")
    for position, part in enumerate(parts, start=1):
        match = _EDGE.fullmatch(part.strip().lower())
        if not match or (match[2] and position < len(parts)):
            raise InputError(
                f"--ranges: {part.strip()!r} in {text!r} is not where a GFLOPS range begins; "
                "give numbers with commas between them, such as 0,1,4,7,9"
            )
        edges.append(float(match[1]))
    if edges[0] != 0 or any(low >= high for low, high in pairwise(edges)):
        raise InputError(
            f"--ranges: {text!r} has to begin at 0 and increase, "
            "so that every backbone falls into one range; for example 0,1,4,7,9"
        )
    return ranges_between(edges)


def parse_ranges(text: str) -> tuple[Range, ...]:
    """Read the value of ``--gflops``: one range or several with commas between them.

    ``4`` is [4, 5), ``4-6`` is [4, 7), ``9+`` and ``9-ongoing`` are everything from 9, and
    ``0.5-1.5`` is [0.5, 1.5).

    Raises:
        InputError: Not a range, or an empty one.
    """
    return tuple(_parse_range(part) for part in text.split(","))


def range_of(gflops: float | None, ranges: Sequence[Range]) -> Range | None:
    """Return the first range that holds the figure, or None where none does or it is unknown."""
    return next((candidate for candidate in ranges if gflops in candidate), None)


def _parse_range(text: str) -> Range:
    match = _RANGE.fullmatch(text.strip().lower())
    if not match:
        raise InputError(
            f"--gflops: {text.strip()!r} is not a range of GFLOPS; write 4, 4-6, 0.5-1.5 or 9+"
        )
    first, ongoing, last = match.groups()
    low = float(first)
    end = last or first
    high = math.inf if ongoing else float(end) if "." in end else float(end) + 1
    if low >= high:
        raise InputError(
            f"--gflops: {text.strip()!r} is an empty range; write the smaller figure first, "
            "as in 4-6, or 0.5-1.5 with an end that is itself excluded"
        )
    return Range(_label(low, high), low, high)


def _label(low: float, high: float) -> str:
    """Write a range the way it can be typed."""
    whole = low.is_integer() and (math.isinf(high) or high.is_integer())
    if math.isinf(high):
        return f"{_figure(low, whole=whole)}+"
    if whole and high == low + 1:
        return _figure(low, whole=True)
    end = high - 1 if whole else high
    return f"{_figure(low, whole=whole)}-{_figure(end, whole=whole)}"


def _figure(gflops: float, *, whole: bool) -> str:
    """Write one bound: with a decimal point unless it is whole, and never with an exponent."""
    return str(int(gflops)) if whole else f"{Decimal(repr(gflops)):f}"
