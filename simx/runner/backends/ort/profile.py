"""Reads the profile that an ONNX Runtime session writes: which node ran where, and on how much.

Pure: makes no session.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import msgspec

from simx.runner.backends.ort.placement import Node

_RAN = "_kernel_time"
"""What the names of events end with that are a node's own run; others surround it."""


def nodes_in(profile: bytes) -> tuple[Node, ...]:
    """Return every node that a profile says has run, in order.

    Args:
        profile: The JSON file, a list of events. What it holds beyond a node's provider, operator
            and outputs is left alone.

    Raises:
        msgspec.DecodeError: It is no JSON.
    """
    return tuple(_nodes(msgspec.json.decode(profile)))


def _nodes(events: Any) -> Iterator[Node]:  # noqa: ANN401 - whatever the file holds
    for event in events:
        if event.get("cat") == "Node" and str(event.get("name", "")).endswith(_RAN):
            told = event.get("args", {})
            yield Node(
                provider=told.get("provider", ""),
                operator=told.get("op_name", ""),
                elements=_elements(told.get("output_type_shape")),
            )


def _elements(outputs: Any) -> int | None:  # noqa: ANN401 - whatever the file holds
    """Return how many values outputs such as ``[{"float": [1, 64, 7, 7]}]`` hold."""
    if outputs is None:
        return None
    return sum(int(prod(shape)) for output in outputs for shape in output.values())
