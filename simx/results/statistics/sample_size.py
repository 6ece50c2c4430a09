"""How many launches a precision needs, estimated once from a pilot.

If one looks at the width after every launch, and stops when it happens to be small, the interval
misses more often than stated. A number that is fixed once keeps the confidence (Stein 1945; see
``estimates``). The pilots of a run's earlier backbones moderate the spread of the next one, as they
do in intervals.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import log_ratios, log_times, t_quantile
from simx.results.statistics.moderation import Part, moderated, prior, spread

T = TypeVar("T", bound=Hashable)

_MOST = 10**9
"""Larger numbers of launches say no more."""


class PilotSpreads:
    """The spreads of a run's pilots so far, by what is compared."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, dict[Hashable, Part]] = defaultdict(dict)

    def launches_needed(
        self, backbone: Hashable, pilot: Mapping[T, Sequence[Launch]], half_width: float
    ) -> int | None:
        """Remember a backbone's pilot, and return how many launches it needs.

        Args:
            backbone: Whose pilot it is. It replaces what was remembered of it.
            pilot: The pilot's launches of each target. The ratios are those of the first target to
                each other one; a single target counts by its time.
            half_width: Of every ratio's interval, as a share of the ratio, such as 0.015.

        Returns:
            None without a spread.
        """
        (first, its), *others = pilot.items()
        compared: dict[Hashable, dict[int, float]] = {
            (first, target): log_ratios(its, launches) for target, launches in others
        }
        compared = compared or {first: log_times(its)}
        needed = [self._needed(backbone, pair, logs, half_width) for pair, logs in compared.items()]
        return None if None in needed else max(filter(None, needed))

    def _needed(
        self, backbone: Hashable, pair: Hashable, logs: Mapping[int, float], half_width: float
    ) -> int | None:
        """Return Stein's n = max(n0, ceil((t s / d)^2)), d being the logarithm's half-width."""
        own = spread(logs)
        if own is None:
            return None
        self._parts[pair][backbone] = own
        variance, degrees = moderated(own, prior(self._parts[pair].values()))
        needed = (t_quantile(degrees) / math.log1p(half_width)) ** 2 * variance
        return max(len(logs), math.ceil(min(needed, _MOST)))
