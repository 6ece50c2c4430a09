"""Percentiles of the times of single calls, if there are enough samples. Pure functions.

Times that were taken for several calls at once give no percentile. Calls of one process resemble
each other, so that a thousand of them may be worth no more than twenty independent ones.
"""

from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import CONFIDENCE

TAIL_CONFIDENCE = 0.99
"""Probability of two independent samples beyond a percentile; a single one may be an outlier."""

MIN_LAUNCHES = 5
"""The range of n launches covers a median with probability 1 - 2^(1-n): below 90 % for four."""

RESAMPLES = 1000
"""Bootstrap samples; Efron & Tibshirani, "An introduction to the bootstrap", 1993."""

SEED = 20130615
"""Fixed, so that a report always has the same figures."""

Times = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class Percentile(msgspec.Struct, frozen=True, kw_only=True):
    """A percentile of the calls' times with its interval, all in nanoseconds."""

    value_ns: float
    low_ns: float
    high_ns: float


def percentiles(
    launches: Sequence[Launch], shares: Sequence[float]
) -> tuple[Percentile | None, ...]:
    """Return percentiles of the times of single calls.

    The value is the smallest time that at least a share of the calls do not exceed. The interval
    is the bootstrap's percentile interval (Efron, "Bootstrap methods: another look at the
    jackknife", Annals of Statistics 7, 1979) with launches as the units that are resampled.

    A percentile is None for times of several calls at once, for fewer than ``MIN_LAUNCHES``
    launches, and for too few effectively independent calls.

    Args:
        launches: At least one.
        shares: For example (0.90, 0.99).
    """
    blocks = [block for launch in launches for block in launch.blocks]
    if len(launches) < MIN_LAUNCHES or any(block.calls > 1 for block in blocks):
        return (None,) * len(shares)
    worth = effective_samples(launches)
    return tuple(
        _percentile(launches, share) if worth >= samples_needed(share) else None for share in shares
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
    logs = np.log(np.concatenate([_times(launch) for launch in launches]))
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


def _percentile(launches: Sequence[Launch], q: float) -> Percentile:
    groups = [np.sort(_times(launch)) for launch in launches]
    values = np.sort(np.concatenate(groups))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(_resampled(groups, values, q), (tail, 1 - tail))
    (rank,) = _ranks(q, np.array([values.size]))
    return Percentile(value_ns=float(values[rank - 1]), low_ns=float(low), high_ns=float(high))


def _resampled(groups: Sequence[Times], values: Times, q: float) -> Times:
    """Return the percentile of each bootstrap sample, for sorted groups and all their values."""
    # The share of a sample at or below a value is a weighted sum of the launches' shares, and its
    # percentile lies between theirs.
    sizes = np.array([group.size for group in groups])
    own = [group[rank - 1] for group, rank in zip(groups, _ranks(q, sizes), strict=True)]
    candidates = values[(values >= min(own)) & (values <= max(own))]
    counts = np.array([np.searchsorted(group, candidates, side="right") for group in groups])
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), RESAMPLES)
    reached = drawn @ counts >= _ranks(q, drawn @ sizes)[:, np.newaxis]
    return np.asarray(candidates[np.argmax(reached, axis=1)])


def _ranks(q: float, sizes: Counts) -> Counts:
    """Return the place, from 1, of the percentile among each number of sorted values."""
    # q * size may land a rounding error above a whole number.
    return np.asarray(np.maximum(1, np.ceil(q * sizes - 1e-9)), dtype=np.int64)


def _times(launch: Launch) -> Times:
    return np.concatenate([np.asarray(block.ns, dtype=np.float64) for block in launch.blocks])
