"""Measures the harness's own cost: its timed loop on an empty backend against a bare loop."""

from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from simx.images.pictures import bundled
from simx.models.backbone import Preset
from simx.runner.backends.contract import Array, Backend, BackendFacts, Placed
from simx.runner.measure.cell_worker import CellWorker
from simx.runner.measure.messages import BlockPlan, Measure
from simx.runner.measure.timing import CLOCK

_PRESET = Preset(
    crop=8, resize=8, interpolation="bilinear", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)
_REPEATS = 9
_CALLS = 20_000
_TYPICAL_CALL_NS = 10_000_000
"""A small network's call, with which the cost of a call is compared."""


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """Extra nanoseconds of a call compared with a bare loop.

    ``batched_ns`` is for entries of several calls, as short calls have them, ``single_ns`` for
    entries of one call, with two readings of the clock.
    """

    batched_ns: float
    single_ns: float

    @property
    def share(self) -> float:
        """The share of a 10 ms call that the harness adds."""
        return self.single_ns / _TYPICAL_CALL_NS


class EmptyBackend:
    """A backend that computes nothing."""

    def __init__(self) -> None:
        self._embedding = np.ones((1, 4), dtype=np.float32)

    @property
    def facts(self) -> BackendFacts:
        """No placement and no settings."""
        return BackendFacts(placement={}, settings={}, resident=False)

    def place(self, array: Array) -> Placed:
        """Return the argument."""
        return array

    def forward(self, image: Placed) -> Placed:  # noqa: ARG002 - it does nothing
        """Return the same embedding."""
        return self._embedding

    def fetch(self, embedding: Placed) -> Array:
        """Return the argument."""
        array: Array = embedding
        return array

    def similarity(self, left: Placed, right: Placed) -> float:  # noqa: ARG002 - likewise
        """Return 1."""
        return 1.0

    def canary(self) -> None:
        """Do nothing."""

    def timed_by_device(self, image: Placed) -> int | None:  # noqa: ARG002 - likewise
        """Return None: there is no device."""
        return None

    def peak_device_bytes(self) -> int | None:
        """Return None: there is no device memory."""
        return None


def measure_overhead(backend: Backend | None = None) -> Overhead:
    """Compare the loop that times every ``forward`` with a bare loop, in turns.

    Args:
        backend: An empty one; replaced in tests.
    """
    backend = backend or EmptyBackend()
    inputs = np.zeros((4, 3, 8, 8), dtype=np.float32)
    pictures: dict[str, Path] = dict(bundled().files())
    cell = CellWorker(backend, inputs, _PRESET, pictures)  # type: ignore[arg-type]  # the same names
    batched, single = [], []
    for _ in range(_REPEATS):
        bare = _bare_ns(backend, inputs)
        batched.append(_per_call_ns(cell, BlockPlan(seconds=0.05, min_calls=5)) - bare)
        # With a cap, all calls count and each has its own entry.
        plan = BlockPlan(seconds=0.0, min_calls=64, max_calls=64)
        single.append(_per_call_ns(cell, plan) - bare)
    return Overhead(batched_ns=median(batched), single_ns=median(single))


def _per_call_ns(cell: CellWorker, plan: BlockPlan) -> float:
    (scoped,) = cell.measure(Measure("forward", None, 0, plan)).blocks
    return median(scoped.block.ns) / scoped.block.calls


def _bare_ns(backend: Backend, inputs: Array) -> float:
    repeat = range(_CALLS)
    begun = CLOCK()
    for _ in repeat:
        backend.forward(inputs)
    return (CLOCK() - begun) / _CALLS
