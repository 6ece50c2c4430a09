"""The largest figure and the longest text that any field of a record may have.

Within these bounds figures can be multiplied, rounded and printed, and texts be broken into lines.
Skips launches, whose times ``validation`` checks.
"""

from collections.abc import Iterator

import msgspec

from simx.results.schema.times import Launch

LARGEST = 2**63 - 1
"""Other readers keep integers in 64 bits."""

LARGEST_REAL = 1e18

LONGEST_TEXT = 2**16
"""Characters. The last lines of a worker are the longest text there is, and far shorter."""


def excesses(value: object, path: str = "$") -> Iterator[str]:
    """Yield what is too large or too long in a record, and where (``$.cells[3].reason``)."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        yield f"{path} has {len(value):,} characters; a text has at most {LONGEST_TEXT:,}"
    elif isinstance(value, int) and not -LARGEST - 1 <= value <= LARGEST:
        yield f"{path} is beyond 64 bits"
    # NaN is not in the range either.
    elif isinstance(value, float) and not -LARGEST_REAL <= value <= LARGEST_REAL:
        yield f"{path} is {value}; figures are from {-LARGEST_REAL:g} to {LARGEST_REAL:g}"
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from excesses(key, f"{path} (a key)")
            yield from excesses(child, f"{path}.{key:.40}")
    elif isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from excesses(child, f"{path}[{index}]")
    elif isinstance(value, msgspec.Struct) and not isinstance(value, Launch):
        for name in value.__struct_fields__:
            yield from excesses(getattr(value, name), f"{path}.{name}")
