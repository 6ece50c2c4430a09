"""Corrections for many comparisons, against worked examples and another implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from simx.results.comparison.multiplicity import benjamini_hochberg, holm

p_values = st.lists(st.floats(min_value=0, max_value=1), max_size=30)


def test_holm_by_hand() -> None:
    """The smallest counts for all, the next for all but one; none falls below one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_none_and_one() -> None:
    """Nothing to correct stays nothing, and a single comparison what it is."""
    assert holm([]) == benjamini_hochberg([]) == []
    assert holm([0.04]) == benjamini_hochberg([0.04]) == [0.04]


@given(p_values.filter(bool))
def test_benjamini_and_hochberg_agree_with_scipy(values: list[float]) -> None:
    """SciPy has the same procedure, which takes longer to import than all the rest."""
    assert benjamini_hochberg(values) == pytest.approx(list(false_discovery_control(values)))


@given(p_values)
def test_holm_is_never_stricter_than_bonferroni_nor_laxer_than_nothing(values: list[float]) -> None:
    """And it keeps the order of what it corrects."""
    corrected = holm(values)

    for before, after in zip(values, corrected, strict=True):
        assert before <= after <= min(1.0, before * len(values)) + 1e-12
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [corrected[index] for index in order] == sorted(corrected)
