"""The share of a cell's nodes is part of its name, and comes back from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.partial_placement import (
    partial_placement,
    partial_placement_in,
    with_partial_placement,
    without_partial_placement,
)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("placement", "shape_nodes", "share"),
    [
        ({CUDA: 142}, 0, None),
        ({CUDA: 562, CPU: 13}, 13, None),
        ({CUDA: 118, CPU: 24}, 0, "118/142"),
        ({CUDA: 118, CPU: 30}, 6, "118/142"),
        ({CPU: 142}, 0, "0/142"),
        ({}, 0, None),
    ],
)
def test_a_share_is_of_what_touches_image_data(
    placement: dict[str, int], shape_nodes: int, share: str | None
) -> None:
    """Nodes that only compute shapes belong on the CPU; a whole, or no graph, has no share."""
    assert partial_placement(placement, shape_nodes, CUDA) == share


@given(
    backend=st.sampled_from(["ort", "ort:spinning", "ort:a=1/2", "ort:spinning+my_partial=1/2"]),
    there=st.integers(1, 999),
    total=st.integers(1, 999),
)
def test_the_name_tells_the_share(backend: str, there: int, total: int) -> None:
    """And without it is what the command line takes; an option that looks alike is none."""
    named = with_partial_placement(backend, f"{there}/{total}")

    assert partial_placement_in(named) == f"{there}/{total}"
    assert without_partial_placement(named) == backend
    assert (partial_placement_in(backend), without_partial_placement(backend)) == (None, backend)


def test_a_whole_needs_no_word() -> None:
    """It is what the name means."""
    assert with_partial_placement("ort", None) == "ort"
