"""How long a worker may take to answer, so that a worker that hangs costs minutes and not hours.

A deadline is far beyond what a slow machine takes: it must never end what would have finished. It
follows from the network's size before its first call, and from one call's time after it.
"""

import msgspec

from simx.exporter.jobs.deadline import SLOWEST_GMACS, SLOWEST_READING
from simx.runner.bench.schedule import BLOCK_SECONDS
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.warmup import MOST_BLOCKS
from simx.runner.measure.warmup import PLAN as WARMING_BLOCK

PATIENCE = 20.0
"""How many times as long as expected a measured phase may take."""

_CALLS_TO_PREPARE = 12
"""The first call, the verification inputs, and the four pictures."""

_BYTES_PER_PARAMETER = 4


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of all deadlines, in seconds.

    ``loading`` is the least for loading a network: an execution provider may compile it, which
    takes minutes and does not follow from its size. ``floor`` is the least for all other requests,
    ``cap`` the most for any.
    """

    loading: float = 600.0
    floor: float = 60.0
    cap: float = 7200.0

    def of_loading(self, gmacs: float, params: int) -> float:
        """Return the deadline for loading a network and calling it for the first times.

        Args:
            gmacs: 1e9 multiply-accumulates of a call.
            params: its number of parameters.
        """
        calls = _CALLS_TO_PREPARE * gmacs / SLOWEST_GMACS
        reading = params * _BYTES_PER_PARAMETER / SLOWEST_READING
        return min(self.cap, max(self.loading, calls + reading))

    def of_warming_up(self, call_ns: int) -> float:
        """Return the deadline for warming up, from one call's time."""
        return self._of(MOST_BLOCKS * (WARMING_BLOCK.seconds + 2 * call_ns / 1e9))

    def of_block(self, plan: BlockPlan, call_ns: int) -> float:
        """Return the deadline for one block, from one call's time."""
        calls = plan.max_calls or plan.min_calls
        return self._of(BLOCK_SECONDS + max(plan.seconds, (calls + 1) * call_ns / 1e9))

    def of_calls(self, calls: int, call_ns: int) -> float:
        """Return the deadline for calls that are in no block, from one call's time."""
        return self._of(calls * call_ns / 1e9)

    def _of(self, expected: float) -> float:
        return min(self.cap, self.floor + PATIENCE * expected)


USUAL = Deadlines()
