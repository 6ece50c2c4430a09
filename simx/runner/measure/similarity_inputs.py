"""Two embeddings whose cosine is timed, in a way that a cached answer is wrong.

One of them changes its sign and its length from entry to entry. This changes the sign of the cosine
and nothing else, so every answer of a block can be compared with the same figure.
"""

import secrets
from collections.abc import Callable

import numpy as np

from simx.runner.backends.contract import Array, Placed

_MOST_DOUBLINGS = 4
"""Largest change of the length, as a power of two in either direction: exact in float32."""

_CHANCE = secrets.SystemRandom()


class SimilarityInputs:
    """An embedding as ``forward`` left it, and another one, placed again before each entry."""

    def __init__(
        self,
        compare: Callable[[Placed, Placed], float],
        fixed: Placed,
        changing: Array,
        place: Callable[[Array], Placed],
    ) -> None:
        """Take the two embeddings.

        Args:
            compare: computes the cosine of two embeddings.
            fixed: one of them, as ``compare`` takes it.
            changing: the other one, float32 [1, D].
            place: places it where ``compare`` reads it.
        """
        self.cosines: list[float] = []
        self._compare = compare
        self._fixed = fixed
        self._embedding = changing
        self._place = place
        self._sign = _CHANCE.choice((-1.0, 1.0))
        self._answers: list[float] = []
        self._change()

    def __call__(self) -> None:
        """Compute their cosine once."""
        self._answers.append(self._compare(self._fixed, self._changing))

    def start(self) -> None:
        """Drop the answers of the uncounted calls."""
        self._answers.clear()
        self._change()

    def look(self) -> None:
        """Keep every answer of the entry that just ended, with the sign of the unchanged pair."""
        self.cosines.extend(self._sign * answer for answer in self._answers)
        self._answers.clear()
        self._change()

    def _change(self) -> None:
        self._sign = -self._sign
        scale = self._sign * 2.0 ** _CHANCE.randint(-_MOST_DOUBLINGS, _MOST_DOUBLINGS)
        self._changing = self._place(self._embedding * np.float32(scale))
