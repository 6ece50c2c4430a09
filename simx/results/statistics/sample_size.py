"""How many launches a precision needs, estimated once from a pilot. Pure functions of launches.

If one looks at the width after every launch, and stops when it happens to be small, the interval
misses more often than stated. A number that is fixed once keeps the confidence (Stein 1945; see
``estimates``).
"""

import math
from collections.abc import Mapping, Sequence

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import log_ratios, log_times, t_quantile
from simx.results.statistics.moderation import spread

_MOST = 10**9
"""Larger numbers of launches say no more."""


def launches_needed(cells: Sequence[Sequence[Launch]], half_width: float) -> int | None:
    """Return how many launches bring every ratio's interval to a half-width; None without a spread.

    Args:
        cells: The pilot's launches of each cell, of the rounds that count. The ratios are those
            of the first cell to each other one; a single cell counts by its time.
        half_width: As a share of the ratio, such as 0.015.
    """
    first, *others = cells
    compared = [log_ratios(first, other) for other in others] or [log_times(first)]
    needed = [_needed(logs, half_width) for logs in compared]
    return None if None in needed else max(filter(None, needed))


def _needed(logs: Mapping[int, float], half_width: float) -> int | None:
    """Return Stein's n = max(n0, ceil((t s / d)^2)), d being the half-width of the logarithm."""
    own = spread(logs)
    if own is None:
        return None
    variance, degrees = own
    needed = (t_quantile(degrees) / math.log1p(half_width)) ** 2 * variance
    return max(len(logs), math.ceil(min(needed, _MOST)))
