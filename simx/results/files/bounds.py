"""How large a figure and how long a text may be, whatever field of a record it stands in.

Within these bounds figures can be multiplied, rounded and printed, and texts be broken into lines.
Knows records in general and none in particular, but for launches, whose times ``validation`` looks
at.
"""

from collections.abc import Iterator

import msgspec

from simx.results.schema.times import Launch

LARGEST = 2**63 - 1
"""Of integers, which are kept within 64 bits, as other readers keep them."""

LARGEST_REAL = 1e18

LONGEST_TEXT = 2**16
"""Characters. What a worker said last, the longest there is, is far shorter."""


def excesses(value: object, path: str = "$") -> Iterator[str]:
    """Yield what is too large or too long in a record, and where (``$.cells[3].reason``)."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            yield f"{path} has {len(value):,} characters; a text has at most {LONGEST_TEXT:,}"
    elif isinstance(value, int):
        if not -LARGEST - 1 <= value <= LARGEST:
            yield f"{path} is beyond 64 bits"
    elif isinstance(value, float):
        if not -LARGEST_REAL <= value <= LARGEST_REAL:  # NaN is not either
            yield f"{path} is {value}; figures are from {-LARGEST_REAL:g} to {LARGEST_REAL:g}"
    else:
        for name, child in _children(value):
            yield from excesses(child, path + name)


def _children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (" (a key)", key)
            yield (f".{key:.40}", child)
    elif isinstance(value, tuple):
        yield from ((f"[{index}]", child) for index, child in enumerate(value))
    elif isinstance(value, msgspec.Struct) and not isinstance(value, Launch):
        yield from ((f".{name}", getattr(value, name)) for name in value.__struct_fields__)
