"""Checks where a graph's nodes ran: counts them by provider, and refuses a wrong placement.

A request for a missing provider succeeds in ONNX Runtime with a warning, and runs on the CPU. A
listed provider may get no node. The proof is the session's record of its assignments or, without
one, the profile of what it ran.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from simx.results.schema.partial_placement import partial_placement
from simx.runner.backends.contract import BackendError

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
integers, no image data."""

SHAPE_ELEMENTS = 64
"""Most values of the outputs of a node that computes a shape, the dimensions of a tensor. The
smallest feature map of any backbone has several times as many."""

Witness = Literal["record", "profile"]
"""The source of a placement: the session's record of assigned nodes, or the profile of its run."""


class Node(msgspec.Struct, frozen=True):
    """One node and the provider it was assigned to, or ran on.

    ``elements`` is the number of values of its outputs, None where it is unknown.
    """

    provider: str
    operator: str
    elements: int | None = None


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes per provider, and how many of those on the CPU only compute shapes."""

    nodes: dict[str, int]
    shape_nodes: int
    witness: Witness

    def partial(self, provider: str) -> str | None:
        """Return which part of them ran on a provider, or None where all did."""
        return partial_placement(self.nodes, self.shape_nodes, provider)


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
            only they distinguish a ``Concat`` of two dimensions from one of two feature maps.
        allow_partial: Whether a part of the nodes suffices.

    Raises:
        BackendError: No node ran on it, or a node with image data ran elsewhere.
    """
    nodes = record or profile
    counted = Counter(node.provider for node in nodes)
    for witness in (nodes, profile or nodes):
        _require_some(witness, provider)
    elsewhere = [node for node in nodes if node.provider != provider]
    ran_elsewhere = [node for node in profile if node.provider != provider]
    strays = Counter(node.operator for node in elsewhere if not _could_be_shape(node))
    strays += _carrying_image_data(elsewhere, ran_elsewhere)
    if strays and not allow_partial:
        listed = ", ".join(f"{count} {operator}" for operator, count in strays.most_common(5))
        raise BackendError(
            f"{strays.total()} of {len(nodes)} nodes ran elsewhere than on {provider}: {listed}; "
            "with --allow-partial it is measured anyway, with its share in its name"
        )
    return Placement(
        nodes=dict(counted),
        shape_nodes=max(0, len(elsewhere) - strays.total()),
        witness="record" if record else "profile",
    )


def needs_profile(record: Sequence[Node], provider: str) -> bool:
    """Whether a record is empty, or does not show if a node elsewhere computes a shape."""
    return not record or any(node.provider != provider and _could_be_shape(node) for node in record)


def _require_some(nodes: Sequence[Node], provider: str) -> None:
    counted = Counter(node.provider for node in nodes)
    if not counted[provider]:
        used = ", ".join(f"{count} on {name}" for name, count in counted.items()) or "none"
        raise BackendError(f"no node was placed on {provider}; the session's nodes: {used}")


def _could_be_shape(node: Node) -> bool:
    return node.provider == CPU and node.operator in SHAPE_OPERATORS


def _carrying_image_data(assigned: Sequence[Node], profile: Sequence[Node]) -> Counter[str]:
    """Count nodes whose operators may compute shapes, and whose outputs are too large for that.

    The record has nodes before fusion, and the profile has them after it under other names, so the
    two are compared by operator. An operator with small outputs alone computes shapes. Of one that
    also has large outputs, only as many nodes do as have small outputs in the profile.
    """
    recorded = Counter(node.operator for node in assigned if _could_be_shape(node))
    ran = [node for node in profile if _could_be_shape(node)]
    large = Counter(node.operator for node in ran if not _is_small(node))
    small = Counter(node.operator for node in ran if _is_small(node))
    return Counter(
        {
            operator: max(count, recorded[operator] - small[operator])
            for operator, count in large.items()
        }
    )


def _is_small(node: Node) -> bool:
    return node.elements is not None and node.elements <= SHAPE_ELEMENTS
