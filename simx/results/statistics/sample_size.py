"""How many launches a precision needs, estimated once from a pilot. Pure functions of launches.

If one looks at the width after every launch, and stops when it happens to be small, the interval
misses more often than stated. A number that is fixed once keeps the confidence (Stein 1945; see
``estimates``).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import log_ratios, log_times, t_quantile

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
    if any(len(logs) < 2 for logs in compared):  # noqa: PLR2004 - one value has no spread
        return None
    return max(_needed(logs, half_width) for logs in compared)


def _needed(logs: Mapping[int, float], half_width: float) -> int:
    """Return Stein's n = max(n0, ceil((t s / d)^2)), d being the half-width of the logarithm."""
    spread = float(np.std(list(logs.values()), ddof=1))
    needed = (t_quantile(len(logs) - 1) * spread / math.log1p(half_width)) ** 2
    return max(len(logs), math.ceil(min(needed, _MOST)))
