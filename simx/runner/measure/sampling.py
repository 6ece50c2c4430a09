"""Samples of what the timed calls of a block gave back, taken between its entries.

A call does no more than append its answer to a list; everything else happens outside of the timed
region. Answers are fetched right after the entry that gave them, so that one which does not exist
yet is either not what it should be, or takes long to fetch.
"""

import secrets
from collections.abc import Callable

import numpy as np

from simx.runner.backends.contract import Array, Placed
from simx.runner.measure.timing import CLOCK

_CHANCE = secrets.SystemRandom()
"""Not drawn from the run's seed: a backend could know by it which answers will be looked at."""


class Sampler:
    """Takes the first answer of a block, the last one, and one at random of each picture."""

    def __init__(self, fetch: Callable[[Placed], Array], pictures: int = 1) -> None:
        """Begin without any.

        Args:
            fetch: brings an answer to the host, float32 [1, D].
            pictures: how many places the calls take their inputs from, in turns.
        """
        self.answers: list[Placed] = []
        self.calls = 0
        self._fetch = fetch
        self._pictures = pictures
        self._seen = [0] * pictures
        self._kept: dict[int, Array] = {}
        self._first: tuple[int, Array] | None = None
        self._last: Placed = None
        self._fetch_ns: list[int] = []

    @property
    def turn(self) -> int:
        """The place that the next call takes its input from."""
        return self.calls % self._pictures

    @property
    def fetch_ns(self) -> int:
        """The shortest nanoseconds that fetching an answer took right after its entry."""
        return min(self._fetch_ns)

    def start(self) -> None:
        """Forget the calls that are not counted."""
        self.calls += len(self.answers)
        self.answers.clear()

    def look(self) -> None:
        """Take from the entry that just ended what is to be taken, and forget the rest of it."""
        is_first = self._first is None
        number = 0 if is_first else _CHANCE.randrange(len(self.answers))
        place = (self.calls + number) % self._pictures
        self._seen[place] += 1
        # Reservoir sampling: in the end every entry's answer was as likely to stay as any other.
        if _CHANCE.randrange(self._seen[place]) == 0:
            self._kept[place] = self._fetched(number)
        if is_first:
            self._first = place, self._kept[place]
        self.calls += len(self.answers)
        self._last = self.answers[-1]
        self.answers.clear()

    def taken(self) -> tuple[list[int], Array]:
        """Return the places that the samples' inputs lay in, and the samples, float32 [K, D]."""
        assert self._first is not None  # noqa: S101 - a block has at least one entry
        last = (self.calls - 1) % self._pictures, np.array(self._fetch(self._last))
        samples = [self._first, *sorted(self._kept.items()), last]
        return [place for place, _ in samples], np.concatenate([array for _, array in samples])

    def _fetched(self, number: int) -> Array:
        """Copy an answer, the first that is fetched after its entry."""
        begun = CLOCK()
        array = self._fetch(self.answers[number])
        self._fetch_ns.append(CLOCK() - begun)
        return np.array(array)
