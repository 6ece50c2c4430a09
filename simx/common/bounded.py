"""Ranges as types: what a figure or a text in a file of simx can be.

Within them figures can be multiplied, rounded and printed, and texts be broken into lines. Records
name the type of each field, and reading refuses what is outside (``strict_json``).
"""

from typing import Annotated

from msgspec import Meta

LARGEST = 2**63 - 1
"""Other readers keep integers in 64 bits."""

LARGEST_REAL = 1e18

LONGEST_TEXT = 2**16
"""Characters. The last lines of a worker are the longest text there is, and far shorter."""

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]

Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
        r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-][01]\d:[0-5]\d)$",
        max_length=32,
        description="a time such as 2026-01-05T12:00:00+00:00",
    ),
]
"""A date and a time of day with its offset from UTC, by RFC 3339."""

Count = Annotated[int, Meta(ge=0, le=LARGEST)]
"""Also nanoseconds, bytes and other units of which there may be none."""

Positive = Annotated[int, Meta(ge=1, le=LARGEST)]

Amount = Annotated[float, Meta(ge=0, le=LARGEST_REAL)]

PositiveAmount = Annotated[float, Meta(gt=0, le=LARGEST_REAL)]

Percent = Annotated[float, Meta(ge=0, le=100)]

Cosine = Annotated[float, Meta(ge=-1, le=1)]

CosinePercent = Annotated[float, Meta(ge=-100, le=100)]
