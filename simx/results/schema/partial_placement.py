"""The label of a cell of which only a part of the nodes ran on the requested provider.

It is part of the backend's name (``ort:partial=118/142``), by which cells are named, matched and
ranked, so that such a cell is never taken for a whole one.
"""

import re
from collections.abc import Mapping

PARTIAL = "partial"

_LABEL = re.compile(rf"[:+]{PARTIAL}=(\d+/\d+)\Z", re.ASCII)


def partial_placement(placement: Mapping[str, int], shape_nodes: int, provider: str) -> str | None:
    """Return which part of a graph's nodes ran on its provider (``118/142``); None for all of them.

    Args:
        placement: Nodes per provider; empty without a graph.
        shape_nodes: How many of them, on the CPU, only compute shapes. They are left out.
        provider: The requested one.
    """
    there = placement.get(provider, 0)
    total = sum(placement.values()) - shape_nodes
    return None if there == total else f"{there}/{total}"


def with_partial_placement(backend: str, part: str | None) -> str:
    """Return a backend's name with the part: ``ort:spinning+partial=118/142``."""
    if part is None:
        return backend
    return f"{backend}{'+' if ':' in backend else ':'}{PARTIAL}={part}"


def partial_placement_in(backend: str) -> str | None:
    """Return the part that a backend's name states, or None."""
    found = _LABEL.search(backend)
    return found[1] if found else None


def without_partial_placement(backend: str) -> str:
    """Return a backend's name without the part, as the command line takes it."""
    return _LABEL.sub("", backend)


def without_options(backend: str) -> str:
    """Return a backend's name with its variants alone, without ``key=value`` parts."""
    name, _, changes = backend.partition(":")
    variants = "+".join(change for change in changes.split("+") if "=" not in change)
    return f"{name}:{variants}" if variants else name
