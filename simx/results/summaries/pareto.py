"""Which of several backbones nothing beats, by latency, accuracy and margin at once.

Pure functions of figures; knows no report.

One beats another if it is told to be faster and is at least as accurate, with at least the margin.
It is told to be faster if the intervals lie apart by more than the machine drifted between the two.
That is a strict order, as intervals that lie apart are (P. C. Fishburn, "Intransitive indifference
with unequal indifference intervals", Journal of Mathematical Psychology 7, 1970), since by the
triangle inequality no way from one to another drifts less than it did between them; and so beating
is one too. From that follows what a front has to have: no member is beaten, every other one is
beaten by a member, and whatever keeps a limit on latency and accuracy is matched by a member that
keeps it as well.
"""

import math
from collections.abc import Sequence

import msgspec

from simx.results.statistics.estimates import Estimate


class Merit(msgspec.Struct, frozen=True, kw_only=True):
    """What backbones are compared by; None where a figure is missing or takes no part.

    ``acc1`` is in percent, ``margin`` (positive minus negative similarity) in percentage points.
    ``level`` is the logarithm of what the canary took meanwhile; two of them differ by how much the
    machine drifted.
    """

    latency: Estimate
    acc1: float | None
    margin: float | None
    level: float = 0.0

    @property
    def low_ns(self) -> float:
        """The latency's lower end; where it has no interval, the latency as it stands."""
        return self.latency.median_ns if self.latency.low_ns is None else self.latency.low_ns

    @property
    def high_ns(self) -> float:
        """The latency's upper end; where it has no interval, the latency as it stands."""
        return self.latency.median_ns if self.latency.high_ns is None else self.latency.high_ns


def front(merits: Sequence[Merit]) -> tuple[int, ...]:
    """Return the indices of those that no other one beats, in their order."""
    return tuple(
        place
        for place, merit in enumerate(merits)
        if not any(beats(other, merit) for other in merits)
    )


def beats(one: Merit, other: Merit) -> bool:
    """Whether ``one`` is told faster, and is at least as accurate with at least the margin.

    A figure that is missing beats nothing and defends nobody: it counts as below any other.
    """
    return (
        told_faster(one, other)
        and known(one.acc1) >= known(other.acc1)
        and known(one.margin) >= known(other.margin)
    )


def told_faster(one: Merit, other: Merit) -> bool:
    """Whether the latencies' intervals lie apart, by more than the machine drifted.

    A latency without an interval counts as it stands.
    """
    return one.high_ns * math.exp(abs(one.level - other.level)) < other.low_ns


def known(figure: float | None) -> float:
    """Return a figure, or less than any other where there is none."""
    return -math.inf if figure is None else figure
