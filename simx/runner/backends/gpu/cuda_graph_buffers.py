"""Buffers with fixed addresses, for calls that are recorded once as a CUDA graph and replayed.

A replayed call uses the addresses of its recording. So every input is in a buffer with a recording
of its own, and a buffer is reused only when its input is no longer held. Imports no runtime.
"""

import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from simx.runner.backends.contract import Array

S = TypeVar("S")


class HeldBuffer(Generic[S]):
    """A buffer in use, as an input and as its embedding; it is free again when this is dropped."""

    def __init__(self, buffer: S) -> None:
        self.buffer = buffer


class GraphBuffers(Generic[S]):
    """Buffers by the shape of their inputs; ``write`` puts a later input into a free one."""

    def __init__(self, create: Callable[[Array], S], write: Callable[[S, Array], object]) -> None:
        self._create = create
        self._write = write
        self._free: dict[tuple[int, ...], list[S]] = defaultdict(list)

    def hold(self, array: Array) -> HeldBuffer[S]:
        """Put an input into a free buffer; make one if none is free."""
        free = self._free[array.shape]
        if free:
            buffer = free.pop()
            self._write(buffer, array)
        else:
            buffer = self._create(array)
        held = HeldBuffer(buffer)
        weakref.finalize(held, free.append, buffer)
        return held
