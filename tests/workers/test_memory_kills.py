"""A memory kill is told from other kills where the system counts them."""

import pytest

from simx.workers.memory_kills import MemoryKills, Verdict


@pytest.mark.parametrize(
    ("before", "later", "verdict"),
    [
        ((1, 5), (2, 6), "yes"),
        ((1, 5), (1, 6), "likely"),
        ((None, 5), (None, 6), "likely"),
        ((1, 5), (1, 5), "no"),
        ((None, None), (None, None), "unknown"),
    ],
)
def test_a_count_that_rose_tells(
    before: tuple[int | None, int | None], later: tuple[int | None, int | None], verdict: Verdict
) -> None:
    """One's own group's count is proof, the whole system's a hint."""
    assert MemoryKills(*before).verdict(MemoryKills(*later)) == verdict
