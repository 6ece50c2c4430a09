"""Where did the nodes run: counting a session's assignment record, and refusing a wrong one.

Asking ONNX Runtime for a provider that is not there succeeds with a warning and runs on the CPU,
and a provider that is listed may have no node placed on it. Only the record of the session itself
is proof.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from simx.runner.backend import BackendError

CPU = "CPUExecutionProvider"

SHAPE_OPERATORS = frozenset(
    {
        "Cast",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Gather",
        "Range",
        "Reshape",
        "Shape",
        "Size",
        "Slice",
        "Squeeze",
        "Unsqueeze",
    }
)
"""Operators that device providers leave on the CPU on purpose where they compute shapes: a few
integers of the batch dimension, no image data."""


class Node(msgspec.Struct, frozen=True):
    """One node of the optimised graph and the provider it was assigned to."""

    provider: str
    operator: str


def count_placement(nodes: Iterable[Node], provider: str) -> dict[str, int]:
    """Count nodes per provider, having checked that the work is done by the one asked for.

    Args:
        nodes: the session's own assignment record.
        provider: the provider asked for, by ONNX Runtime's name.

    Raises:
        BackendError: no node ran there, or one that touches image data ran elsewhere.
    """
    nodes = tuple(nodes)
    placement = dict(Counter(node.provider for node in nodes))
    if not placement.get(provider):
        used = ", ".join(f"{count} on {name}" for name, count in placement.items()) or "none"
        raise BackendError(f"no node was placed on {provider}; the session's nodes: {used}")
    strays = Counter(node.operator for node in nodes if not _may_run_there(node, provider))
    if strays:
        listed = ", ".join(f"{count} {operator}" for operator, count in strays.most_common(5))
        raise BackendError(
            f"{strays.total()} of {len(nodes)} nodes ran elsewhere than on {provider}: {listed}"
        )
    return placement


def _may_run_there(node: Node, provider: str) -> bool:
    shapes_on_cpu = node.provider == CPU and node.operator in SHAPE_OPERATORS
    return node.provider == provider or shapes_on_cpu
