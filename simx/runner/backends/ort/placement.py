"""Checks where a graph's nodes ran: counts them by provider, and refuses a wrong placement. Pure.

ONNX Runtime runs a graph on the CPU, with a warning only, if the requested provider is missing or
takes no node. The proof is the session's record of its assignments or a profile of its run.
"""

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import msgspec

from simx.common.safe_text import counted
from simx.runner.backends.contract import BackendError

CPU = "CPUExecutionProvider"


def require_processor(engine: str, provider: str) -> None:
    """Require the processor of an engine that is measured on nothing else.

    Raises:
        BackendError: the provider is another one.
    """
    if provider != CPU:
        raise BackendError(f"{engine} is measured on {CPU} only, not on {provider}")


_SHAPE_OPERATORS = (
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
)
"""Operators that providers leave on the CPU on purpose if they compute shapes, a few integers."""

SHAPE_ELEMENTS = 64
"""Most output values of a node that computes a shape. The smallest feature map of any backbone has
several times as many."""

Witness = Literal["record", "profile"]


class Node(msgspec.Struct, frozen=True):
    """A node, its provider, and the number of values of its outputs; None where it is unknown."""

    provider: str
    operator: str
    elements: int | None = None


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes per provider, how many on the CPU only compute shapes, and the source of the proof."""

    nodes: dict[str, int]
    shape_nodes: int
    witness: Witness


def placed(
    provider: str,
    *,
    record: Sequence[Node],
    profile: Sequence[Node] = (),
    allow_partial: bool = False,
) -> Placement:
    """Check that the requested provider does the work, and count the nodes of each provider.

    Args:
        provider: The requested provider, by ONNX Runtime's name.
        record: The nodes that the session assigned; empty without a record.
        profile: The nodes that it ran, if they were profiled. They replace a missing record, and
            only they distinguish shapes from feature maps.
        allow_partial: Whether a part of the nodes suffices.

    Raises:
        BackendError: No node ran on it, or a node with image data ran elsewhere.
    """
    nodes = record or profile
    witnesses = [Counter(node.provider for node in each) for each in (nodes, profile or nodes)]
    for nodes_of in witnesses:
        if not nodes_of[provider]:
            used = ", ".join(f"{count} on {name}" for name, count in nodes_of.items()) or "none"
            raise BackendError(f"no node was placed on {provider}; the session's nodes: {used}")
    elsewhere = [node for node in nodes if node.provider != provider]
    ran_elsewhere = [node for node in profile if node.provider != provider]
    strays = Counter(node.operator for node in elsewhere if not _could_be_shape(node))
    strays += _carrying_image_data(elsewhere, ran_elsewhere)
    if strays and not allow_partial:
        listed = ", ".join(f"{count} {operator}" for operator, count in strays.most_common(5))
        raise BackendError(
            f"{strays.total()} of {counted(len(nodes), 'node')} ran elsewhere than on {provider}: "
            f"{listed}; with --allow-partial it is measured anyway, with its share in its name"
        )
    return Placement(
        nodes=dict(witnesses[0]),
        shape_nodes=max(0, len(elsewhere) - strays.total()),
        witness="record" if record else "profile",
    )


def needs_profile(record: Sequence[Node], provider: str) -> bool:
    """Whether a record is empty, or does not show if a node elsewhere computes a shape."""
    return not record or any(node.provider != provider and _could_be_shape(node) for node in record)


def nodes_in(profile: bytes) -> tuple[Node, ...]:
    """Return every node that ran according to a profile, a JSON list of events, in order.

    Raises:
        msgspec.DecodeError: It is not JSON.
    """
    ran = [
        event.get("args", {})
        for event in msgspec.json.decode(profile)
        # Other events of a node enclose its run.
        if event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time")
    ]
    return tuple(
        Node(each.get("provider", ""), each.get("op_name", ""), _elements(each)) for each in ran
    )


def _elements(ran: dict[str, Any]) -> int | None:
    """Return the number of values of outputs such as ``[{"float": [1, 64, 7, 7]}]``."""
    outputs = ran.get("output_type_shape")
    if outputs is None:
        return None
    return sum(int(prod(shape)) for output in outputs for shape in output.values())


def _could_be_shape(node: Node) -> bool:
    return node.provider == CPU and node.operator in _SHAPE_OPERATORS


def _carrying_image_data(assigned: Sequence[Node], profile: Sequence[Node]) -> Counter[str]:
    """Count nodes whose operators may compute shapes, and whose outputs are too large for that.

    Fusion renames nodes between the record and the profile, so the two are compared by operator. An
    operator with small outputs alone computes shapes. Of one that also has large outputs, only as
    many nodes do as have small outputs in the profile.
    """
    recorded = Counter(node.operator for node in assigned if _could_be_shape(node))
    ran = [node for node in profile if _could_be_shape(node)]
    small = Counter(
        node.operator
        for node in ran
        if node.elements is not None and node.elements <= SHAPE_ELEMENTS
    )
    large = Counter(node.operator for node in ran) - small
    return Counter(
        {
            operator: max(count, recorded[operator] - small[operator])
            for operator, count in large.items()
        }
    )
