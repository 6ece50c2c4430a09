"""Inputs for timed calls, changed between the entries so that every cached answer is wrong.

Calls take pictures in turns. Pictures change their places before each block, and change slightly
before each entry, so no call gets the bytes of an earlier one. Of two embeddings to compare, one
changes its sign and length, which changes the sign of the cosine and nothing else.
"""

import secrets
from collections.abc import Callable

import numpy as np

from simx.runner.backends.contract import Array, Placed

NUDGE = np.float32(2.0**-20)
"""Added to one value of a picture: above the resolution of float32 for normalised values, and so
small that the relative L2 error is far below 1e-7."""

_MOST_DOUBLINGS = 8
"""Largest change of a length, as a power of two: exact in float32."""

_CHANCE = secrets.SystemRandom()
"""Not drawn from the run's seed, so that a backend cannot predict it."""


class RotatingInputs:
    """Pictures, float32 [N, 3, H, W], in places; calls take the places in turns."""

    def __init__(self, pictures: Array, place: Callable[[Array], Placed]) -> None:
        self._pictures = pictures
        self._place = place
        self._hosted = [picture[np.newaxis].copy() for picture in pictures]
        self._order = list(range(len(pictures)))
        self.placed = [place(array) for array in self._hosted]

    def __len__(self) -> int:
        return len(self.placed)

    def picture_at(self, place: int) -> int:
        """Return the index of the picture in a place."""
        return self._order[place]

    def shuffle(self) -> None:
        """Bring the unchanged pictures into another order, if there is one."""
        before = self._order.copy()
        while self._order == before and len(before) > 1:
            _CHANCE.shuffle(self._order)
        for place, picture in enumerate(self._order):
            self._hosted[place][0] = self._pictures[picture]
            self.placed[place] = self._place(self._hosted[place])

    def nudge(self, first: int, count: int) -> None:
        """Change one value in each of ``count`` places from ``first`` on, or in all of them."""
        for turn in range(first, first + min(count, len(self))):
            place = turn % len(self)
            values = self._hosted[place].reshape(-1)
            values[_CHANCE.randrange(values.size)] += NUDGE
            self.placed[place] = self._place(self._hosted[place])


class SimilarityInputs:
    """Two embeddings; the second one, float32 [1, D], is changed and placed before each entry."""

    def __init__(
        self,
        compare: Callable[[Placed, Placed], float],
        fixed: Placed,
        changing: Array,
        place: Callable[[Array], Placed],
    ) -> None:
        self.cosines: list[float] = []
        self._compare = compare
        self._fixed = fixed
        self._embedding = changing
        self._place = place
        self._sign = _CHANCE.choice((-1.0, 1.0))
        self.start()

    def __call__(self) -> None:
        """Compute their cosine once."""
        self._answers.append(self._compare(self._fixed, self._changing))

    def start(self) -> None:
        """Drop the answers of the uncounted calls, and change the second embedding."""
        self._answers: list[float] = []
        self._sign = -self._sign
        doublings = _CHANCE.randint(0, _MOST_DOUBLINGS)
        if np.abs(self._embedding).max() > 1.0:  # towards 1: it must not leave float32's range
            doublings = -doublings
        self._changing = self._place(self._embedding * np.float32(self._sign * 2.0**doublings))

    def look(self) -> None:
        """Keep every answer of the entry that just ended, with the sign of the unchanged pair."""
        self.cosines.extend(self._sign * answer for answer in self._answers)
        self.start()
