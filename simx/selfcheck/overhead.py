"""Measures the harness's cost: its timed loop on an empty backend against a bare loop."""

from collections.abc import Callable, Sequence
from statistics import median

import msgspec
import numpy as np

from simx.results.schema.times import block_median
from simx.runner.backends.contract import Array, Backend, BackendFacts, Placed
from simx.runner.measure.cell_worker import CellWorker
from simx.runner.measure.messages import BlockPlan, Measure
from simx.runner.measure.timing import CLOCK

_REPEATS = 9
_CALLS = 20_000
_TYPICAL_CALL_NS = 10_000_000
"""The call of a small network."""


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """Extra nanoseconds of a call, compared with a bare loop.

    ``batched_ns`` is for entries of several calls, ``single_ns`` for entries of one call.
    """

    batched_ns: float
    single_ns: float

    @property
    def share(self) -> float:
        """The share of a 10 ms call that the harness adds."""
        return self.single_ns / _TYPICAL_CALL_NS


class _EmptyBackend:
    """A backend that computes nothing."""

    facts = BackendFacts(placement={}, settings={}, resident=False)
    _embedding = np.ones((1, 4), dtype=np.float32)

    def place(self, array: Array) -> Placed:
        return array

    def forward(self, image: Placed) -> Placed:  # noqa: ARG002 - it does nothing
        return self._embedding

    def fetch(self, embedding: Placed) -> Array:
        return np.asarray(embedding)

    def similarity(self, left: Placed, right: Placed) -> float:  # noqa: ARG002 - likewise
        return 1.0

    def canary(self) -> None:
        pass

    def large_product(self) -> Callable[[], object]:
        return self.canary

    def timed_by_device(self, image: Placed) -> int | None:  # noqa: ARG002 - likewise
        return None

    def peak_device_bytes(self) -> int | None:
        return None

    def own_error(self, inputs: Sequence[Array]) -> float | None:  # noqa: ARG002 - likewise
        return None


def measure_overhead(backend: Backend = _EmptyBackend()) -> Overhead:  # noqa: B008 - no state
    """Compare the loop that times every ``forward`` with a bare loop, in turns."""
    inputs = np.zeros((4, 3, 8, 8), dtype=np.float32)
    cell = CellWorker(backend, inputs, inputs)
    batched, single = [], []
    for _ in range(_REPEATS):
        bare = _bare_ns(backend, inputs)
        batched.append(_per_call_ns(cell, BlockPlan(seconds=0.05, min_calls=5)) - bare)
        # With a cap, all calls count and each has its own entry.
        plan = BlockPlan(seconds=0.0, min_calls=64, max_calls=64)
        single.append(_per_call_ns(cell, plan) - bare)
    return Overhead(batched_ns=median(batched), single_ns=median(single))


def _per_call_ns(cell: CellWorker, plan: BlockPlan) -> float:
    return block_median(cell.measure(Measure("forward", None, 0, plan)).block)


def _bare_ns(backend: Backend, inputs: Array) -> float:
    begun = CLOCK()
    for _ in range(_CALLS):
        backend.forward(inputs)
    return (CLOCK() - begun) / _CALLS
