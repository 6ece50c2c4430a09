"""What follows from an evaluation: its best cell, and the time of a search in a million."""

import msgspec
import pytest

from simx.results.schema.evaluation import EvaluatedCell
from simx.results.summaries.evaluated import best_cell, search_ms
from tests.results.evaluations import evaluation

CELLS = evaluation().cells


def test_the_best_cell_is_behind_by_nothing() -> None:
    """A failed one takes no part, and where all failed there is none."""
    assert best_cell(reversed(CELLS)) == CELLS[0]
    assert best_cell(CELLS[3:]) is None


@pytest.mark.parametrize(
    ("seconds", "vectors", "expected"), [(1.0, 1000, 1000.0), (2.0, 10_000, 20.0), (None, 9, None)]
)
def test_the_time_of_a_search_grows_with_the_vectors(
    seconds: float | None, vectors: int, expected: float | None
) -> None:
    """A run searches for each of N vectors among N; one search among a million is scaled."""
    cell = CELLS[0]
    assert isinstance(cell, EvaluatedCell)

    found = search_ms(msgspec.structs.replace(cell, search_seconds=seconds), vectors)

    assert found == (expected and pytest.approx(expected))
