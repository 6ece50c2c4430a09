"""Reads the profile that an ONNX Runtime session writes: which node ran where, and on how much.

Pure: makes no session.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import msgspec

from simx.runner.backends.ort.placement import Node

_RAN = "_kernel_time"
"""End of the names of events that are the run of a node; other events enclose it."""


def nodes_in(profile: bytes) -> tuple[Node, ...]:
    """Return every node that ran according to a profile, in order.

    Args:
        profile: The JSON file, a list of events. Everything but a node's provider, operator and
            outputs is ignored.

    Raises:
        msgspec.DecodeError: It is not JSON.
    """
    return tuple(_nodes(msgspec.json.decode(profile)))


def _nodes(events: Any) -> Iterator[Node]:  # noqa: ANN401 - content of a file
    for event in events:
        if event.get("cat") == "Node" and str(event.get("name", "")).endswith(_RAN):
            arguments = event.get("args", {})
            yield Node(
                provider=arguments.get("provider", ""),
                operator=arguments.get("op_name", ""),
                elements=_elements(arguments.get("output_type_shape")),
            )


def _elements(outputs: Any) -> int | None:  # noqa: ANN401 - content of a file
    """Return the number of values that outputs such as ``[{"float": [1, 64, 7, 7]}]`` hold."""
    if outputs is None:
        return None
    return sum(int(prod(shape)) for output in outputs for shape in output.values())
