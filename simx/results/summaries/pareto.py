"""The Pareto front of backbones: those that no other beats in latency, accuracy and margin at once.

Pure functions of figures. One backbone beats another if it is clearly faster and at least as
accurate, with at least the margin. It is clearly faster if the intervals are separated by more than
the machine's drift between the two. This is a strict order, as for separated intervals (P. C.
Fishburn, "Intransitive indifference with unequal indifference intervals", Journal of Mathematical
Psychology 7, 1970): by the triangle inequality, the drifts over any third backbone add up to at
least the direct one. So beating is a strict order too. It follows that no member of the front is
beaten, that a member beats every other backbone, and that for each backbone within limits on
latency and accuracy some member is within them as well.
"""

import math
from collections.abc import Sequence

import msgspec

from simx.results.statistics.estimates import Estimate


class Merit(msgspec.Struct, frozen=True, kw_only=True):
    """The figures by which backbones are compared; None where one is missing or does not count.

    ``acc1`` is in percent, ``margin`` (positive minus negative similarity) in percentage points.
    ``level`` is the logarithm of the canary's time during the measurement: the difference of two
    levels is the machine's drift.
    """

    latency: Estimate
    acc1: float | None
    margin: float | None
    level: float = 0.0

    @property
    def low_ns(self) -> float:
        """The lower end of the latency's interval; without an interval, the latency."""
        return self.latency.median_ns if self.latency.low_ns is None else self.latency.low_ns

    @property
    def high_ns(self) -> float:
        """The upper end of the latency's interval; without an interval, the latency."""
        return self.latency.median_ns if self.latency.high_ns is None else self.latency.high_ns


def pareto_front(merits: Sequence[Merit]) -> tuple[int, ...]:
    """Return the indices of the backbones that no other one beats, in ascending order."""
    return tuple(
        place
        for place, merit in enumerate(merits)
        if not any(beats(other, merit) for other in merits)
    )


def beats(one: Merit, other: Merit) -> bool:
    """Whether ``one`` beats ``other``. A missing figure counts as below any other."""
    return (
        clearly_faster(one, other)
        and known(one.acc1) >= known(other.acc1)
        and known(one.margin) >= known(other.margin)
    )


def clearly_faster(one: Merit, other: Merit) -> bool:
    """Whether the latencies' intervals are separated by more than the machine's drift.

    A latency without an interval counts as an interval of no width.
    """
    return one.high_ns * math.exp(abs(one.level - other.level)) < other.low_ns


def known(figure: float | None) -> float:
    """Return a figure, or minus infinity where it is missing."""
    return -math.inf if figure is None else figure
