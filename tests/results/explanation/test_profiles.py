"""Typical calls out of profiled ones."""

from simx.results.explanation.profiles import together, typical
from tests.results.explanations import kernel, profile


def test_a_typical_call_has_the_median_of_each_kernel() -> None:
    """One disturbed call changes nothing."""
    usual, disturbed = (
        profile(kernel(1, "a"), kernel(2, "b")),
        profile(kernel(90, "a"), kernel(2, "b")),
    )

    assert typical([usual, disturbed, usual]) == usual


def test_a_kernel_of_few_calls_is_not_typical() -> None:
    """As what a runtime does at the first call alone."""
    usual, first = profile(kernel(1, "a")), profile(kernel(1, "a"), kernel(5, "b"))

    assert typical([first, usual, usual]) == usual


def test_kernels_that_are_alike_are_counted() -> None:
    """They are one kernel, with their times together, in the order of the first."""
    found = together([kernel(1, "a"), kernel(4, "b"), kernel(2, "a")])

    assert [(each.modules, each.count, each.ns) for each in found] == [
        (("a",), 2, 3e6),
        (("b",), 1, 4e6),
    ]
