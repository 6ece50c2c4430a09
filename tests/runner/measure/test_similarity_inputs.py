"""A cosine that was not computed is wrong in every other entry."""

from itertools import pairwise

import numpy as np
import pytest

from simx.runner.measure.rotating_inputs import SimilarityInputs
from tests.runner.fakes import FakeBackend

LEFT = np.array([[3.0, 0.0, 4.0]], dtype=np.float32)
RIGHT = np.array([[1.0, 2.0, 2.0]], dtype=np.float32)
COSINE = (3 + 8) / (5 * 3)


class Watching(FakeBackend):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.answers: list[float] = []

    def similarity(self, left: object, right: object) -> float:
        assert isinstance(right, np.ndarray)
        self.asked.append(right.tobytes())
        self.answers.append(super().similarity(left, right))
        return self.answers[-1]


def taken(backend: FakeBackend, entries: int, calls: int) -> list[float]:
    pair = SimilarityInputs(backend.similarity, LEFT, RIGHT, backend.place)
    pair()
    pair.start()
    for _ in range(entries):
        for _ in range(calls):
            pair()
        pair.look()
    return pair.cosines


def test_every_answer_is_the_pairs_cosine() -> None:
    """Whatever sign and length it was asked with, each counted answer can be compared with one."""
    assert taken(Watching(), 6, 3) == pytest.approx([COSINE] * 18, abs=1e-6)


def test_neighbouring_entries_ask_for_opposite_answers() -> None:
    """The sign changes from entry to entry, and the length changes too."""
    backend = Watching()
    taken(backend, 40, 1)

    counted = backend.answers[1:]
    assert all(a * b < 0 for a, b in pairwise(counted))
    assert len(set(backend.asked)) > 4
