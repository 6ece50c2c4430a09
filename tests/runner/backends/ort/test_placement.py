"""Placement is what the witnesses say that ran, and a wrong place is refused."""

from collections.abc import Sequence

import msgspec
import pytest

from simx.results.schema.partial_placement import partial_placement
from simx.runner.backends.contract import BackendError
from simx.runner.backends.ort.placement import (
    CPU,
    SHAPE_ELEMENTS,
    Node,
    Placement,
    needs_profile,
    nodes_in,
    placed,
)

CUDA = "CUDAExecutionProvider"

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


def nodes(provider: str, *operators: str, elements: int | None = None) -> list[Node]:
    return [Node(provider, operator, elements) for operator in operators]


def test_nodes_are_counted_per_provider() -> None:
    """Shape arithmetic on the CPU is counted beside the nodes of the device, and apart."""
    record = nodes(CUDA, "Conv", "Relu", "Conv") + nodes(CPU, "Shape", "Gather")
    found = placed(CUDA, record=record)

    assert found == Placement(nodes={CUDA: 3, CPU: 2}, shape_nodes=2, witness="record")
    assert partial_placement(found.nodes, found.shape_nodes, CUDA) is None


@pytest.mark.parametrize("allow_partial", [False, True])
def test_a_provider_without_nodes_is_refused(*, allow_partial: bool) -> None:
    """A provider that was listed but ran nothing is no figure, nor a share of one."""
    with pytest.raises(BackendError, match="no node was placed on CUDAExecutionProvider"):
        placed(CUDA, record=nodes(CPU, "Conv", "Relu"), allow_partial=allow_partial)


@pytest.mark.parametrize("allow_partial", [False, True])
def test_no_witness_at_all_is_no_proof(*, allow_partial: bool) -> None:
    """Neither a record nor a profile."""
    with pytest.raises(BackendError, match="no node was placed"):
        placed(CPU, record=(), allow_partial=allow_partial)


def test_image_work_elsewhere_is_refused() -> None:
    """One convolution on the CPU makes the whole cell a failure, with the operators named."""
    record = nodes(CUDA, "Conv", "Relu") + nodes(CPU, "Conv", "Shape")
    with pytest.raises(BackendError, match=r"1 of 4 nodes ran elsewhere .*: 1 Conv"):
        placed(CUDA, record=record)


def test_a_share_can_be_allowed() -> None:
    """It counts what touches image data; what only computes shapes is no part of it."""
    record = nodes(CUDA, "Conv", "Relu") + nodes(CPU, "Conv", "Shape")
    found = placed(CUDA, record=record, allow_partial=True)

    assert found == Placement(nodes={CUDA: 2, CPU: 2}, shape_nodes=1, witness="record")
    assert partial_placement(found.nodes, found.shape_nodes, CUDA) == "2/3"


def test_the_profile_stands_in_for_a_record() -> None:
    """Where a build keeps none: by the same rules."""
    ran = nodes(CUDA, "Conv", "Relu", elements=4096) + nodes(CPU, "Shape", elements=4)

    assert placed(CUDA, record=(), profile=ran) == Placement(
        nodes={CUDA: 2, CPU: 1}, shape_nodes=1, witness="profile"
    )


@pytest.mark.parametrize(
    ("elements", "share"), [(2, None), (SHAPE_ELEMENTS, None), (SHAPE_ELEMENTS + 1, "2/3")]
)
def test_only_the_profile_tells_a_shape_from_a_feature_map(
    elements: int, share: str | None
) -> None:
    """By its operator, a ``Concat`` of two feature maps looks like one of two dimensions."""
    record = nodes(CUDA, "Conv", "Relu") + nodes(CPU, "Concat")
    ran = nodes(CUDA, "Conv", elements=4096) + nodes(CPU, "Concat", elements=elements)
    found = placed(CUDA, record=record, profile=ran, allow_partial=True)

    assert partial_placement(found.nodes, found.shape_nodes, CUDA) == share


def test_an_output_that_the_profile_does_not_size_is_taken_for_image_data() -> None:
    """What nobody vouches for is refused."""
    record = nodes(CUDA, "Conv") + nodes(CPU, "Reshape")
    with pytest.raises(BackendError, match="1 Reshape"):
        placed(CUDA, record=record, profile=nodes(CUDA, "Conv") + nodes(CPU, "Reshape"))


def test_a_record_that_the_profile_contradicts_is_refused() -> None:
    """It says that all is on the device, and nothing ran there."""
    with pytest.raises(BackendError, match="no node was placed on CUDA"):
        placed(CUDA, record=nodes(CUDA, "Conv"), profile=nodes(CPU, "Conv", elements=9))


@pytest.mark.parametrize(
    ("record", "needed"),
    [
        ((), True),
        (nodes(CUDA, "Conv"), False),
        (nodes(CUDA, "Conv") + nodes(CPU, "Shape"), True),
        (nodes(CUDA, "Conv") + nodes(CPU, "Conv"), False),
    ],
)
def test_the_second_witness_is_asked_where_the_first_leaves_something_open(
    record: Sequence[Node], *, needed: bool
) -> None:
    """It costs a session."""
    assert needs_profile(record, CUDA) is needed


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
