"""Is it still the same vector: what counts as agreement, and what never does."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from simx.results.schema.report import Parity
from simx.results.statistics.parity import disagreement, worst_parity

VECTOR = np.linspace(-1, 2, 50, dtype=np.float32)


def test_a_vector_agrees_with_itself() -> None:
    """The same numbers have cosine 1, error 0 and no complaint."""
    parity = worst_parity([(VECTOR, VECTOR)])

    assert parity.cosine == pytest.approx(1.0, abs=1e-12)
    assert parity.relative_l2 == 0.0
    assert disagreement(parity) is None


def test_the_worst_row_counts() -> None:
    """One wrong row among right ones decides both figures."""
    parity = worst_parity([(VECTOR, VECTOR), (-VECTOR, VECTOR), (VECTOR, VECTOR)])

    assert parity.cosine == pytest.approx(-1.0)
    assert parity.relative_l2 == pytest.approx(2.0)


@pytest.mark.parametrize(
    "wrong",
    [
        VECTOR * np.float32("nan"),
        np.full_like(VECTOR, np.inf),
        np.zeros_like(VECTOR),
        VECTOR[:25],
        VECTOR[::-1],
        VECTOR * np.float32(1.001),
        VECTOR.astype(np.float16).astype(np.float32) + np.float32(3e-4),
    ],
    ids=["nan", "infinite", "zero", "truncated", "reversed", "scaled", "half precision"],
)
def test_a_wrong_vector_is_a_disagreement(wrong: npt.NDArray[np.float32]) -> None:
    """Whatever is wrong with a vector, the complaint names both figures."""
    complaint = disagreement(worst_parity([(wrong, VECTOR)]))

    assert complaint is not None
    assert "cosine" in complaint
    assert "relative L2 error" in complaint


@pytest.mark.parametrize(
    ("cosine", "error", "agrees"),
    [
        (0.9999, 1e-4, True),
        (0.99989, 1e-6, False),
        (1.0, 1.01e-4, False),
        (math.nan, 0.0, False),
        (1.0, math.nan, False),
    ],
)
def test_both_bounds_hold(cosine: float, error: float, agrees: bool) -> None:  # noqa: FBT001
    """A figure beyond either bound, or none at all, is no agreement."""
    parity = Parity(cosine=cosine, relative_l2=error)

    assert (disagreement(parity) is None) == agrees
