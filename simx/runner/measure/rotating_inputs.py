"""Inputs for timed calls, changed between the entries so that every cached answer is wrong.

Calls take the pictures in turns. Before a block the pictures are shuffled among their places, so an
answer cached for a place belongs to another picture. Before an entry the inputs of its first calls
are changed slightly, so no call gets the bytes of an earlier one.
"""

import itertools
import secrets
from collections.abc import Callable, Iterator

import numpy as np

from simx.runner.backends.contract import Array, Placed

NUDGE = np.float32(2.0**-20)
"""Added to one value of a picture: above the resolution of float32 for normalised values, and so
small that the relative L2 error is far below 1e-7."""

_CHANCE = secrets.SystemRandom()
"""Not drawn from the run's seed, so that a backend cannot predict it."""


class RotatingInputs:
    """Pictures in places; calls take the places in turns."""

    def __init__(self, pictures: Array, place: Callable[[Array], Placed]) -> None:
        """Put every picture into its place.

        Args:
            pictures: float32 [N, 3, H, W]; not changed.
            place: brings an input, [1, 3, H, W], to the device.
        """
        self._pictures = pictures
        self._place = place
        self._hosted = [picture[np.newaxis].copy() for picture in pictures]
        self._order = list(range(len(pictures)))
        self.placed = [place(array) for array in self._hosted]

    def __len__(self) -> int:
        return len(self.placed)

    def turns(self) -> Iterator[int]:
        """Yield places without end, starting with the first."""
        return itertools.cycle(range(len(self)))

    def picture_at(self, place: int) -> int:
        """Return the index of the picture in a place."""
        return self._order[place]

    def shuffle(self) -> None:
        """Let the pictures change places, each of them as it was before all nudges.

        An order that stays as it was would hide an answer that was kept for a place.
        """
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
