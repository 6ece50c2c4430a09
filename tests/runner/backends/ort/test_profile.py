"""What a profile tells of the nodes that ran."""

import msgspec
import pytest

from simx.runner.backends.ort.placement import Node
from simx.runner.backends.ort.profile import nodes_in

EVENTS = [
    {"cat": "Session", "name": "model_loading_uri", "args": {}},
    {
        "cat": "Node",
        "name": "node_Conv_0_kernel_time",
        "args": {
            "provider": "CUDAExecutionProvider",
            "op_name": "Conv",
            "output_type_shape": [{"float": [1, 64, 7, 7]}],
        },
    },
    {
        "cat": "Node",
        "name": "node_Conv_0_fence_before",
        "args": {"op_name": "Conv"},
    },
    {
        "cat": "Node",
        "name": "split_kernel_time",
        "args": {
            "provider": "CPUExecutionProvider",
            "op_name": "Split",
            "output_type_shape": [{"int64": [2]}, {"int64": []}],
        },
    },
    {"cat": "Node", "name": "bare_kernel_time", "args": {"provider": "X", "op_name": "Y"}},
]


def test_each_node_that_ran_is_counted_once() -> None:
    """With the values of all its outputs, where they are told; a scalar is one."""
    assert nodes_in(msgspec.json.encode(EVENTS)) == (
        Node("CUDAExecutionProvider", "Conv", 64 * 7 * 7),
        Node("CPUExecutionProvider", "Split", 3),
        Node("X", "Y", None),
    )


def test_what_is_no_profile_is_an_error() -> None:
    """Half a file proves nothing."""
    with pytest.raises(msgspec.DecodeError):
        nodes_in(b'[{"cat": "Node"')
