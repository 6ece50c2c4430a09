"""Where did the nodes run: counting what the witnesses say, and refusing what is not as asked.

Asking ONNX Runtime for a provider that is not there succeeds with a warning and runs on the CPU,
and a provider that is listed may have no node placed on it. Only the session's own record of what
it assigned is proof, or where there is none, the profile of what it ran.
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
integers of the batch dimension, no image data."""

SHAPE_ELEMENTS = 64
"""The most that a node's outputs hold where it computes a shape: some dimensions of a tensor. The
smallest feature map of any backbone has several times as many."""

Witness = Literal["record", "profile"]
"""The session's record of the nodes it assigned, or the profile of the nodes it ran."""


class Node(msgspec.Struct, frozen=True):
    """One node and the provider it was assigned to, or ran on.

    ``elements`` is how many values its outputs hold, None where the witness does not tell.
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
        """Return which share of them ran on a provider, or None where all did."""
        return partial_placement(self.nodes, self.shape_nodes, provider)


def placed(
    provider: str,
    *,
    record: Sequence[Node],
    profile: Sequence[Node] = (),
    allow_partial: bool = False,
) -> Placement:
    """Count nodes per provider, having checked that the work is done by the one asked for.

    Args:
        provider: The provider asked for, by ONNX Runtime's name.
        record: What the session says it assigned; empty where it does not tell.
        profile: What it ran, where that was looked at: it stands in for a record, and only it can
            tell a ``Concat`` of two dimensions from one of two feature maps.
        allow_partial: Whether a share of the nodes suffices.

    Raises:
        BackendError: No node ran there, or one that touches image data ran elsewhere.
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
            "with --allow-partial it is measured all the same, with its share in its name"
        )
    return Placement(
        nodes=dict(counted),
        shape_nodes=max(0, len(elsewhere) - strays.total()),
        witness="record" if record else "profile",
    )


def needs_profile(record: Sequence[Node], provider: str) -> bool:
    """Say whether a record tells nothing, or leaves open what a node elsewhere works on."""
    return not record or any(node.provider != provider and _could_be_shape(node) for node in record)


def _require_some(nodes: Sequence[Node], provider: str) -> None:
    counted = Counter(node.provider for node in nodes)
    if not counted[provider]:
        used = ", ".join(f"{count} on {name}" for name, count in counted.items()) or "none"
        raise BackendError(f"no node was placed on {provider}; the session's nodes: {used}")


def _could_be_shape(node: Node) -> bool:
    return node.provider == CPU and node.operator in SHAPE_OPERATORS


def _carrying_image_data(assigned: Sequence[Node], profile: Sequence[Node]) -> Counter[str]:
    """Count nodes that could compute shapes by their operators, and by their outputs do not.

    The profile has nodes after they were fused, the record before, and under other names: the two
    are compared by operator. One of which all outputs are small computes shapes alone; of one that
    also has large outputs, only as many do as the profile vouches for.
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
