"""Samples of the results of a block's timed calls, taken between its entries.

A call only appends its result to a list; everything else is not timed. A result is fetched right
after its entry: if it does not exist yet, it is wrong or its fetch takes long.
"""

import secrets
from collections.abc import Callable

import numpy as np

from simx.runner.backends.contract import Array, Placed
from simx.runner.measure.timing import CLOCK

_CHANCE = secrets.SystemRandom()
"""Not drawn from the run's seed, so that a backend cannot predict which results are checked."""


class Sampler:
    """Keeps the first result of a block, the last one, and one at random of each picture.

    ``fetch`` brings a result to the host, float32 [B, D]. Calls take ``pictures`` inputs in turns.
    """

    def __init__(self, fetch: Callable[[Placed], Array], pictures: int = 1) -> None:
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
        """The nanoseconds of the shortest fetch right after an entry."""
        return min(self._fetch_ns)

    def start(self) -> None:
        """Drop the results of the uncounted calls."""
        self.calls += len(self.answers)
        self.answers.clear()

    def look(self) -> None:
        """Keep a sample of the entry that just ended, and drop its other results."""
        is_first = self._first is None
        number = 0 if is_first else _CHANCE.randrange(len(self.answers))
        place = (self.calls + number) % self._pictures
        self._seen[place] += 1
        # Reservoir sampling: in the end each entry's result is kept with the same probability.
        if _CHANCE.randrange(self._seen[place]) == 0:
            begun = CLOCK()
            array = self._fetch(self.answers[number])
            self._fetch_ns.append(CLOCK() - begun)
            # A copy, because the backend may use the memory again.
            self._kept[place] = np.array(array)
        if is_first:
            self._first = place, self._kept[place]
        self.calls += len(self.answers)
        self._last = self.answers[-1]
        self.answers.clear()

    def taken(self) -> tuple[list[int], Array]:
        """Return the places of the samples' inputs, and the samples, float32 [K * B, D]."""
        assert self._first is not None  # noqa: S101 - a block has at least one entry
        last = (self.calls - 1) % self._pictures, np.array(self._fetch(self._last))
        samples = [self._first, *sorted(self._kept.items()), last]
        return [place for place, _ in samples], np.concatenate([array for _, array in samples])
