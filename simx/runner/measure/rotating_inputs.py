"""Inputs for timed calls that no earlier answer is right for, changed between the entries.

Calls take the pictures in turns. Before a block the pictures change places, so that an answer that
was kept for a place is another picture's; and before an entry the places it begins with are
nudged, so that an answer kept for the very same bytes is never asked for again.
"""

import itertools
import secrets
from collections.abc import Callable, Iterator

import numpy as np

from simx.runner.backends.contract import Array, Placed

NUDGE = np.float32(2.0**-20)
"""What is added to one value of a picture: more than float32 resolves at the size that normalised
values have, and so little that the relative L2 error it makes is far below 1e-7."""

_CHANCE = secrets.SystemRandom()
"""Not drawn from the run's seed: what is foretold can be prepared for."""


class RotatingInputs:
    """Pictures in the places that calls take them from, in turns."""

    def __init__(self, pictures: Array, place: Callable[[Array], Placed]) -> None:
        """Put every picture into its place.

        Args:
            pictures: float32 [N, 3, H, W]; they stay as they are.
            place: brings an input, [1, 3, H, W], to where calls want it.
        """
        self._pictures = pictures
        self._place = place
        self._hosted = [picture[np.newaxis].copy() for picture in pictures]
        self._order = list(range(len(pictures)))
        self.placed = [place(array) for array in self._hosted]

    def __len__(self) -> int:
        return len(self.placed)

    def turns(self) -> Iterator[int]:
        """Yield places for ever, beginning with the first."""
        return itertools.cycle(range(len(self)))

    def picture_at(self, place: int) -> int:
        """Return which picture lies in a place."""
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
        """Change one value in each of ``count`` places from ``first`` on, at the most all."""
        for turn in range(first, first + min(count, len(self))):
            place = turn % len(self)
            values = self._hosted[place].reshape(-1)
            values[_CHANCE.randrange(values.size)] += NUDGE
            self.placed[place] = self._place(self._hosted[place])
