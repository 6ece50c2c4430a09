"""The figures by which backbones are compared, and what is better, with the intervals. Pure.

One backbone beats another if it is clearly faster and at least as good. It is clearly faster if the
intervals are separated by more than the machine's drift between the two, or than that of their
nodes, where that is more. This is a strict order, as for separated intervals (P. C. Fishburn,
"Intransitive indifference with unequal indifference intervals", Journal of Mathematical Psychology
7, 1970): by the triangle inequality, which the larger of two distances keeps, the drifts over any
third backbone add up to at least the direct one. So beating is a strict order too. It follows
that no member of the front is beaten, that a member beats every other backbone, and that for each
backbone within limits on latency and accuracy some member is within them as well.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from simx.results.schema.evaluation import Estimate as Share
from simx.results.schema.evaluation import EvaluatedCell
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.evaluated import figure
from simx.results.summaries.selection_criteria import Limits

Verdict = Literal["kept", "cannot be told", "missed"]
"""Whether limits are kept: by the whole of each interval, by none of one, or neither."""


class Merit(msgspec.Struct, frozen=True, kw_only=True):
    """The figures by which backbones are compared; None where one is missing or does not count.

    ``acc1`` is in percent, ``margin`` (positive minus negative similarity) in percentage points.
    With ``evaluated``, the figures on the user's pictures count in their place.
    ``level`` is the logarithm of the canary's time during the measurement, minus its mean on the
    target: the difference of two levels is the machine's drift. ``node_level`` is the same for the
    node of a cluster, by the times of the backbone that all nodes measure.
    """

    latency: Estimate
    acc1: float | None
    margin: float | None
    level: float = 0.0
    node_level: float = 0.0
    evaluated: EvaluatedCell | None = None

    @property
    def low_ns(self) -> float:
        """The lower end of the latency's interval; without an interval, the latency."""
        return self.latency.median_ns if self.latency.low_ns is None else self.latency.low_ns

    @property
    def high_ns(self) -> float:
        """The upper end of the latency's interval; without an interval, the latency."""
        return self.latency.median_ns if self.latency.high_ns is None else self.latency.high_ns

    @property
    def recall(self) -> Share | None:
        """Recall@1 on the user's pictures; None where it is not known."""
        return self.on_pictures("recall_at_1")

    def on_pictures(self, name: str) -> Share | None:
        """Return a figure on the user's pictures; None where it is not known."""
        return figure(self.evaluated, name) if self.evaluated else None

    @property
    def distance(self) -> Share | None:
        """How far the figure that ranks embeddings is below that of the best evaluated cell."""
        return self.on_pictures("behind")

    @property
    def behind(self) -> tuple[float, float, float]:
        """How far it is below the most accurate one, and the ends of that; smaller is better.

        With ``evaluated``, in the figure that ranks embeddings, with simultaneous intervals.
        Otherwise it is the negative of the published accuracy, which has no interval.
        """
        if self.distance is None:
            return (-known(self.acc1),) * 3
        return self.distance.value, *_ends(self.distance)


def pareto_front(merits: Sequence[Merit]) -> tuple[int, ...]:
    """Return the indices of the backbones that no other one beats, in ascending order."""
    return tuple(
        place
        for place, merit in enumerate(merits)
        if not any(beats(other, merit) for other in merits)
    )


def beats(one: Merit, other: Merit) -> bool:
    """Whether ``one`` beats ``other``. A missing figure counts as below any other.

    The accuracy counts as it was found. The margin counts too or, with an evaluation, the lower end
    of Recall@1, on which there can be a limit.
    """
    return (
        clearly_faster(one, other)
        and one.behind[0] <= other.behind[0]
        and _second(one) >= _second(other)
    )


def clearly_faster(one: Merit, other: Merit) -> bool:
    """Whether the latencies' intervals are separated by more than the machine's drift.

    A latency without an interval counts as an interval of no width.
    """
    drift = max(abs(one.level - other.level), abs(one.node_level - other.node_level))
    return one.high_ns * math.exp(drift) < other.low_ns


def clearly_more_accurate(one: Merit, other: Merit) -> bool:
    """Whether the intervals of the accuracies are separated."""
    return one.behind[2] < other.behind[1]


def known(figure: float | None) -> float:
    """Return a figure, or minus infinity where it is missing."""
    return -math.inf if figure is None else figure


def verdict(merit: Merit, limits: Limits) -> Verdict:
    """Return whether the figures are within the limits."""
    ends = list(_limited(merit, limits))
    if all(low >= limit for low, _, limit in ends):
        return "kept"
    return "missed" if any(high < limit for _, high, limit in ends) else "cannot be told"


def keeps(merit: Merit, limits: Limits) -> bool:
    """Whether the whole interval of each figure is within its limit."""
    return verdict(merit, limits) == "kept"


def _limited(merit: Merit, limits: Limits) -> Iterator[tuple[float, float, float]]:
    """Yield the ends of each limited figure and its limit, where larger is better."""
    if limits.max_latency_ns is not None:
        yield -merit.high_ns, -merit.low_ns, -limits.max_latency_ns
    if limits.min_acc1 is not None:
        yield known(merit.acc1), known(merit.acc1), limits.min_acc1
    if limits.min_recall is not None and merit.recall is not None:
        yield *_ends(merit.recall), limits.min_recall


def _second(merit: Merit) -> float:
    if merit.evaluated is None:
        return known(merit.margin)
    return -math.inf if merit.recall is None else _ends(merit.recall)[0]


def _ends(of: Share) -> tuple[float, float]:
    """Return the ends of an interval; one that cannot be drawn has no limits."""
    return (-math.inf if of.low is None else of.low, math.inf if of.high is None else of.high)
