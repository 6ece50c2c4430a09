"""Agreement of vectors with components of any size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simx.results.statistics.vector_math import cosine, relative_l2

components = st.floats(min_value=-1e3, max_value=1e3, allow_subnormal=False)
vectors = arrays(np.float64, 8, elements=components).filter(lambda v: np.abs(v).max() > 1e-3)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 0], [0, 1], 0),
        ([1, 2], [2, 4], 1),
        ([1, 2], [-3, -6], -1),
        ([3, 4], [4, 3], 24 / 25),
    ],
)
def test_cosine_of_known_vectors(a: list[float], b: list[float], expected: float) -> None:
    """Right angles give 0, parallels 1 and opposites -1."""
    assert cosine(a, b) == pytest.approx(expected)


@pytest.mark.parametrize("size", [1e38, 1e-25, 1e-45])
def test_cosine_in_float32_neither_overflows_nor_vanishes(size: float) -> None:
    """Components whose squares float32 cannot hold give the answer all the same."""
    a = np.array([size, size, 0], np.float32)
    b = np.array([size, 0, 0], np.float32)

    assert cosine(a, b) == pytest.approx(math.sqrt(0.5))
    assert cosine(a, a) == pytest.approx(1)


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_cosine_holds_to_the_ends_of_float64(size: float) -> None:
    """Nor does float64 itself overflow or vanish."""
    assert cosine([size, 0], [size, size]) == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize("bad", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], []])
def test_cosine_of_no_direction_is_undefined(bad: list[float]) -> None:
    """Zero, NaN and infinite vectors have no angle; no NaN gets out to win a maximum."""
    fine = np.ones(len(bad))

    assert cosine(bad, fine) is None
    assert cosine(fine, bad) is None


def test_different_lengths_are_an_error() -> None:
    """Comparing vectors of different models is a mistake, not a number."""
    with pytest.raises(ValueError, match="2 and 3 components"):
        cosine([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="3 and 1 components"):
        relative_l2([1, 2, 3], [1])


@given(vectors, vectors, st.floats(min_value=1e-200, max_value=1e200))
def test_cosine_is_symmetric_bounded_and_scale_free(
    a: np.ndarray, b: np.ndarray, scale: float
) -> None:
    """It does not depend on order or length, and never leaves [-1, 1]."""
    value = cosine(a, b)

    assert value is not None
    assert -1 <= value <= 1
    assert value == pytest.approx(cosine(b, a))
    assert value == pytest.approx(cosine(a * scale, b))


@given(vectors)
def test_cosine_with_itself_is_one(a: np.ndarray) -> None:
    """A vector agrees with itself and never by more than 1."""
    value = cosine(a, a)

    assert value == pytest.approx(1, abs=1e-12)
    assert value is not None
    assert value <= 1


@pytest.mark.parametrize("size", [1.0, 1e38, 1e-40])
def test_relative_l2_of_known_vectors(size: float) -> None:
    """An error of 1 in a vector of length 5 is a fifth, at any size."""
    reference = np.array([3, 4]) * size

    assert relative_l2(reference + np.array([size, 0]), reference) == pytest.approx(0.2)
    assert relative_l2(reference, reference) == 0


@pytest.mark.parametrize(
    ("a", "reference", "expected"),
    [
        ([1, 1], [0, 0], None),
        ([math.nan, 1], [1, 1], None),
        ([1, 1], [math.inf, 1], None),
        ([0, 0], [1, 1], 1.0),
        ([1e300, 0], [1e-300, 0], math.inf),
    ],
)
def test_relative_l2_at_its_limits(
    a: list[float], reference: list[float], expected: float | None
) -> None:
    """Without a reference there is no error; a vanished vector is off by all of it."""
    assert relative_l2(a, reference) == expected
