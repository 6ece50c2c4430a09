"""Inputs for timed calls, changed between the entries so that every cached answer is wrong.

Calls take pictures in turns. Pictures change their places before each block, and change slightly
before each entry, so no call gets the bytes of an earlier one. Of two embeddings to compare, one
changes its sign and length, which changes the sign of the cosine and nothing else.
"""

import math
import secrets
from collections.abc import Callable, Sequence

import numpy as np

from simx.runner.backends.contract import Array, Placed

_NEAR_ZERO = 1 / 256
"""Share of a picture's values that may be nudged, those nearest to zero. The smallest step that
changes their bytes is lost in the sums of a first layer. So no later rounding to int8 goes another
way, which would move the embedding by some per cent."""

_SMALLEST_STEP = np.float32(2.0**-30)
"""Larger than every denormal number; processors are slow with those."""

_MOST_DOUBLINGS = 8
"""Largest change of a length, as a power of two: exact in float32."""

_CHANCE = secrets.SystemRandom()
"""Not drawn from the run's seed, so that a backend cannot predict it."""


def batches(pictures: int, batch: int) -> list[list[int]]:
    """Return the pictures of each call by their indices: every one of them, in different calls."""
    calls = max(min(pictures, 2), math.ceil(pictures / batch))
    # Even a batch of all of them begins with another one each time.
    step = max(1, min(batch, pictures - 1))
    return [[(call * step + turn) % pictures for turn in range(batch)] for call in range(calls)]


class RotatingInputs:
    """Batches of pictures, float32 [N, 3, H, W], in places; calls take the places in turns."""

    def __init__(self, pictures: Array, place: Callable[[Array], Placed], batch: int = 1) -> None:
        self._pictures = pictures
        self._place = place
        self._batches = batches(len(pictures), batch)
        self._hosted = [pictures[each] for each in self._batches]
        self._near_zero = [_nearest_to_zero(picture.reshape(-1)) for picture in pictures]
        self._order = list(range(len(self._batches)))
        self.placed = [place(array) for array in self._hosted]

    def __len__(self) -> int:
        return len(self.placed)

    def pictures_at(self, place: int) -> list[int]:
        """Return the indices of the pictures in a place."""
        return self._batches[self._order[place]]

    def shuffle(self) -> None:
        """Bring the unchanged batches into another order, if there is one."""
        before = self._order.copy()
        while self._order == before and len(before) > 1:
            _CHANCE.shuffle(self._order)
        for place in range(len(self)):
            self._hosted[place][:] = self._pictures[self.pictures_at(place)]
            self.placed[place] = self._place(self._hosted[place])

    def nudge(self, first: int, count: int) -> None:
        """Change one value in each of ``count`` places from ``first`` on, or in all of them."""
        for turn in range(first, first + min(count, len(self))):
            place = turn % len(self)
            at, picture = _CHANCE.choice(list(enumerate(self.pictures_at(place))))
            values, near_zero = self._hosted[place][at].reshape(-1), self._near_zero[picture]
            step = max(_SMALLEST_STEP, np.spacing(np.abs(values[near_zero]).max()))
            values[_CHANCE.choice(near_zero)] += step
            self.placed[place] = self._place(self._hosted[place])


def _nearest_to_zero(values: Array) -> Sequence[int]:
    """Return the indices of the values [N] that are nearest to zero."""
    count = math.ceil(values.size * _NEAR_ZERO)
    nearest: list[int] = np.argsort(np.abs(values))[:count].tolist()
    return nearest


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
