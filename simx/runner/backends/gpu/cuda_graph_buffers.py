"""Addresses that stay the same from call to call, for calls that are recorded once and replayed.

A replayed call reads and writes where it did when it was recorded. So every input lies in a slot,
which has its own recording, and a slot is used again only when nobody holds what lies in it.
Imports no runtime; what a slot is made of is the backend's.
"""

import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from simx.runner.backends.contract import Array

S = TypeVar("S")


class Lease(Generic[S]):
    """The use of a slot, for as long as somebody holds it: as an input, and as its embedding."""

    def __init__(self, slot: S) -> None:
        self.slot = slot


class Slots(Generic[S]):
    """Slots by the shape of what lies in them, as many as are held at once."""

    def __init__(self, create: Callable[[Array], S], write: Callable[[S, Array], None]) -> None:
        """Take how a slot is made for a first input, and how another is written into it."""
        self._create = create
        self._write = write
        self._free: dict[tuple[int, ...], list[S]] = defaultdict(list)

    def lease(self, array: Array) -> Lease[S]:
        """Put an input into a slot that nobody holds, and make one where there is none."""
        free = self._free[array.shape]
        if free:
            slot = free.pop()
            self._write(slot, array)
        else:
            slot = self._create(array)
        lease = Lease(slot)
        weakref.finalize(lease, free.append, slot)
        return lease
