"""Which of equal nodes are sick, from made-up canaries."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.cluster.health import SLOW, Quartiles, quartiles, symptoms
from tests.results.builders import canary, launches

QUIET = (100, 101, 102, 101, 100)


def canaries(ns: Sequence[int], backend: str = "ort") -> Quartiles:
    return quartiles([canary(launches([[each] for each in ns]), backend=backend)])


def test_a_slow_node_is_sick() -> None:
    """Of two nodes that is the slower one, of more the one beyond the node in the middle."""
    slow = canaries([3 * each for each in QUIET])
    quick = canaries(QUIET)

    assert "3.0 times as long" in symptoms({"a": slow, "b": quick})["a"]
    assert symptoms({"a": quick, "b": slow, "c": quick}).keys() == {"b"}
    assert symptoms({"a": slow}) == {}


def test_a_backend_alone_does_not_make_a_node_sick() -> None:
    """A machine that is slow is slow for all backends."""
    half = {**canaries(QUIET), **canaries([3 * each for each in QUIET], "torch")}
    whole = {**canaries(QUIET), **canaries(QUIET, "torch")}

    assert symptoms({"a": half, "b": whole}) == {}


def test_a_noisy_node_is_sick() -> None:
    """The typical time may be that of the others; where all are noisy, none is left out."""
    noisy = canaries([60, 60, 100, 150, 150])

    assert "varies by 90 %" in symptoms({"a": noisy, "b": canaries(QUIET)})["a"]
    assert symptoms({"a": noisy, "b": noisy}) == {}


@given(st.lists(st.integers(1_000, 1_000_000), min_size=1, max_size=6))
def test_a_node_is_always_left(times: list[int]) -> None:
    """Who is no slower than the node in the middle is never sick."""
    found = symptoms({str(place): canaries([ns] * 3) for place, ns in enumerate(times)})
    middle = sorted(times)[(len(times) - 1) // 2]

    assert found.keys() == {str(place) for place, ns in enumerate(times) if ns / middle > SLOW}


@pytest.mark.parametrize("nodes", [{}, {"a": quartiles([])}])
def test_without_canaries_nothing_is_said(nodes: dict[str, Quartiles]) -> None:
    """A backbone of which all cells failed has none."""
    assert symptoms(nodes) == {}
