"""Percentiles of the times of single calls, if there are enough samples. Pure functions.

Times that were taken for several calls at once give no percentile. Calls of one process resemble
each other, so that a thousand of them may be worth no more than twenty independent ones.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from simx.results.schema.times import Launch

TAIL_CONFIDENCE = 0.99
"""Probability of two independent samples beyond a percentile; a single one may be an outlier."""

MIN_LAUNCHES = 5
"""The range of n launches covers a median with probability 1 - 2^(1-n): below 90 % for four."""

Times = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def percentiles(launches: Sequence[Launch], shares: Sequence[float]) -> tuple[float | None, ...]:
    """Return percentiles of the times of single calls, in nanoseconds.

    Each is the smallest time that at least a share of the calls do not exceed. It is None for times
    of several calls at once, for fewer than ``MIN_LAUNCHES`` launches, and for too few effectively
    independent calls.

    Args:
        launches: At least one.
        shares: For example (0.90, 0.99).
    """
    blocks = [block for launch in launches for block in launch.blocks]
    if len(launches) < MIN_LAUNCHES or any(block.calls > 1 for block in blocks):
        return (None,) * len(shares)
    worth = effective_samples(launches)
    times = np.sort(_times(launches))
    # A share of the size may land a rounding error above a whole number.
    return tuple(
        float(times[max(1, math.ceil(share * times.size - 1e-9)) - 1])
        if worth >= samples_needed(share)
        else None
        for share in shares
    )


@cache
def samples_needed(q: float) -> int:
    """Return how many independent samples a percentile needs.

    Of that many, at least two exceed the percentile with probability ``TAIL_CONFIDENCE``, by the
    binomial distribution: 64 for 0.90, 130 for 0.95, 662 for 0.99.
    """
    n = 2
    while q**n + n * (1 - q) * q ** (n - 1) > 1 - TAIL_CONFIDENCE:
        n += 1
    return n


def effective_samples(launches: Sequence[Launch]) -> float:
    """Return how many independent samples the calls are worth.

    That is n / (1 + (m - 1) ICC), the sample size over the design effect (Kish, "Survey sampling",
    1965), for clusters of m calls whose intraclass correlation ICC comes from a one-way analysis of
    variance of the logarithms of the times. Launches and blocks both cluster the calls; the smaller
    number counts.
    """
    logs = np.log(_times(launches))
    by_launch = [sum(len(block.ns) for block in launch.blocks) for launch in launches]
    by_block = [len(block.ns) for launch in launches for block in launch.blocks]
    return min(_effective(logs, np.array(sizes)) for sizes in (by_launch, by_block))


def _effective(values: Times, sizes: Counts) -> float:
    """Return n over the design effect; the first ``sizes[0]`` values are one cluster, and so on."""
    if sizes.size in (1, values.size):
        return float(values.size)
    typical = float(values.size - (sizes**2).sum() / values.size) / (sizes.size - 1)
    correlation = _intraclass_correlation(values, sizes, typical)
    return values.size / (1 + max(0.0, typical - 1) * correlation)


def _intraclass_correlation(values: Times, sizes: Counts, typical: float) -> float:
    """Return ICC(1) in [0, 1]; ``typical`` is the analysis of variance's mean cluster size."""
    means = np.add.reduceat(values, np.cumsum(sizes) - sizes) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (sizes.size - 1)
    within = float(((values - np.repeat(means, sizes)) ** 2).sum()) / (values.size - sizes.size)
    spread = between + (typical - 1) * within
    return min(1.0, max(0.0, (between - within) / spread)) if spread > 0 else 0.0


def _times(launches: Sequence[Launch]) -> Times:
    return np.array([ns for each in launches for block in each.blocks for ns in block.ns], float)
