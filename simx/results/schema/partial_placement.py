"""The label of a cell of which only a share ran where it was asked for.

The share is part of the backend's name, as its variants are: ``ort:partial=118/142``. Whatever
names, matches or ranks cells does so by that name, so that none can take such a cell for a whole
one. A report whose names and placements contradict each other is refused when it is read.
"""

import re
from collections.abc import Mapping

PARTIAL = "partial"

_LABEL = re.compile(rf"[:+]{PARTIAL}=(\d+/\d+)\Z", re.ASCII)


def share_of(placement: Mapping[str, int], shape_nodes: int, provider: str) -> str | None:
    """Return which share of a graph's nodes ran on its provider, or None where all of them did.

    Args:
        placement: Nodes per provider, empty for what has no graph.
        shape_nodes: How many of them, on the CPU, only compute shapes. They are left out.
        provider: The one asked for.

    Returns:
        For example ``118/142``.
    """
    there = placement.get(provider, 0)
    total = sum(placement.values()) - shape_nodes
    return None if there == total else f"{there}/{total}"


def with_share(backend: str, share: str | None) -> str:
    """Return a backend's name with the share: ``ort:spinning+partial=118/142``."""
    if share is None:
        return backend
    return f"{backend}{'+' if ':' in backend else ':'}{PARTIAL}={share}"


def share_in(backend: str) -> str | None:
    """Return the share that a backend's name tells, or None."""
    found = _LABEL.search(backend)
    return found[1] if found else None


def without_share(backend: str) -> str:
    """Return a backend's name without the share: what the command line takes."""
    return _LABEL.sub("", backend)
