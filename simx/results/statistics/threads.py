"""How many threads computed, against how many were requested. Pure.

Used threads are those that ran or waited for a core, on average over some products of matrices. By
processor time alone, a thread that has to wait for a busy core would seem to be missing.
"""

TOO_FEW = 0.75
"""Share of the requested threads below which fewer than requested computed. Threads also wait for
each other: with all of them 0.85 to 1 was measured, beside a load of seven times the cores."""

TOO_MANY = 1.1
TOO_MANY_AT_LEAST = 0.5
"""Threads beyond the requested number, as a share and in threads, that are more than requested. A
library may have others, which only manage its work."""


def has_too_few(used: float | None, requested: int | None) -> bool:
    """Whether fewer threads computed than requested; not if either is unknown."""
    return used is not None and requested is not None and used < TOO_FEW * requested


def has_too_many(used: float, requested: int) -> bool:
    """Whether more threads computed than requested."""
    return used > max(TOO_MANY * requested, requested + TOO_MANY_AT_LEAST)
