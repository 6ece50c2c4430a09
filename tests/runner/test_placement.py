"""Only the session's own record says where nodes ran, and a wrong place is refused."""

import pytest

from simx.runner.backend import BackendError
from simx.runner.placement import CPU, Node, count_placement

CUDA = "CUDAExecutionProvider"


def nodes(provider: str, *operators: str) -> list[Node]:
    return [Node(provider, operator) for operator in operators]


def test_nodes_are_counted_per_provider() -> None:
    """Shape arithmetic on the CPU is counted beside the nodes of the device."""
    record = nodes(CUDA, "Conv", "Relu", "Conv") + nodes(CPU, "Shape", "Gather")

    assert count_placement(record, CUDA) == {CUDA: 3, CPU: 2}


def test_a_provider_without_nodes_is_refused() -> None:
    """A provider that was listed but ran nothing is no figure."""
    with pytest.raises(BackendError, match="no node was placed on CUDAExecutionProvider"):
        count_placement(nodes(CPU, "Conv", "Relu"), CUDA)


def test_an_empty_record_is_refused() -> None:
    """No record at all is no proof."""
    with pytest.raises(BackendError, match="no node was placed"):
        count_placement([], CPU)


def test_image_work_elsewhere_is_refused() -> None:
    """One convolution on the CPU makes the whole cell a failure, with the operators named."""
    record = nodes(CUDA, "Conv", "Relu") + nodes(CPU, "Conv", "Shape")
    with pytest.raises(BackendError, match=r"1 of 4 nodes ran elsewhere .*: 1 Conv"):
        count_placement(record, CUDA)
