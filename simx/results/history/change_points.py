"""Where the level of a series changed. Pure functions of logarithms in the order of time.

Two detectors that work differently have to agree. The first finds the levels that explain a series
best, at a price for each: optimal partitioning (B. Jackson et al., "An algorithm for optimal
partitioning of data on an interval", IEEE Signal Processing Letters 12, 2005) into means weighted
by what is known of each value's error. The second, E-divisive, compares distances between values
and assumes no distribution (D. S. Matteson and N. A. James, "A nonparametric approach for multiple
change point analysis of multivariate data", Journal of the American Statistical Association 109,
2014). A t-test in place of permutations then says how sure a change is, and the weakest are taken
back one by one (M. Fleming et al., "Hunter: using change point detection to hunt for performance
regressions", ICPE 2023). Unlike there, it allows for the choice of the place among many, and for
values that resemble their predecessors, as those of a drifting machine do; and short series lend
each other degrees of freedom. ``benchmarks/history.py`` simulates all of it.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, stdtr, stdtrit

from simx.results.statistics.estimates import CONFIDENCE
from simx.results.statistics.moderation import Part, Prior, moderated

Values = npt.NDArray[np.float64]

FEWEST = 6
"""Values of a series that is looked at."""

SHORTEST = 2
"""Values on either side of a change. A single value is not a level."""

PENALTY = 3.0
"""Price of one more level, in logarithms of the series' length: with 2, the usual criterion
(Schwarz), heavy-tailed noise has nearly twice as many false changes."""

AGREEMENT = 2
"""By how many values the places that both detectors find may differ."""

WINDOW = 200
"""Values that E-divisive looks at together: its work is quadratic."""

LEVEL = 1 - CONFIDENCE

_SMALLEST_SPREAD = 1e-4
"""A tenth of a per mille: smaller differences matter to nobody."""

_MOST_SPREADS = 3.0
"""A value that lies farther than this from the middle of its neighbours counts as lying there."""

_LARGEST_CORRELATION = 0.8

_MOST_DEGREES = 1e6
"""With more of them, a variance is known as well as exactly."""

_LIKELY = 2 * math.log(1 / LEVEL)
"""By how much more a place may leave unexplained, in variances, and still be a likely one."""


class LevelChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a level: the first value ``at`` the new one lies between ``first`` and ``last``.

    ``size`` is the difference of the levels, in logarithms, and ``half`` half the width of its
    interval. ``p`` is the p-value, corrected for the places that the change could have had.
    """

    at: int
    first: int
    last: int
    size: float
    half: float
    p: float


class Weighted(msgspec.Struct, frozen=True):
    """A series without outliers, and the weight of each value: one over its variance.

    ``common`` is what the variances of series like it have in common, where that is known.
    """

    logs: Values
    weights: Values
    common: Prior | None = None


def partition(of: Weighted, penalty: float = PENALTY) -> list[int]:
    """Return where new levels begin, so that levels explain the values best for their price.

    ``penalty`` is the price of a level, in units of the logarithm of the number of values.
    """
    logs, weights = of.logs, of.weights
    count, price = len(logs), penalty * math.log(len(logs))
    sums = [
        np.concatenate(([0.0], np.cumsum(each)))
        for each in (weights, weights * logs, weights * logs**2)
    ]
    best, before = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=np.intp)
    best[0] = -price
    for end in range(SHORTEST, count + 1):
        weight, first, second = (each[end] - each[: end - SHORTEST + 1] for each in sums)
        costs = best[: len(weight)] + second - first**2 / weight
        before[end] = costs.argmin()
        best[end] = costs[before[end]] + price
    places = []
    while count := int(before[count]):
        places.append(count)
    return places[::-1]


def energy_changes(of: Weighted) -> list[int]:
    """Return where E-divisive divides a series, and each part again, while a t-test agrees."""
    count, places = len(of.logs), set[int]()
    # Long series in windows that overlap by a half, as Hunter does.
    parts = [(begin, min(begin + WINDOW, count)) for begin in range(0, count, WINDOW // 2)]
    while parts:
        begin, end = parts.pop()
        if end - begin < 2 * SHORTEST:
            continue
        at = begin + energy_split(of.logs[begin:end])
        if _change(of, (begin, at, end)).p <= LEVEL:
            places.add(at)
            parts += [(begin, at), (at, end)]
    return sorted(places)


def energy_split(logs: Values) -> int:
    """Return where E-divisive splits values.

    Args:
        logs: float64 [N], at least twice ``SHORTEST``.
    """
    sums = np.zeros((len(logs) + 1, len(logs) + 1))
    sums[1:, 1:] = np.abs(logs[:, np.newaxis] - logs).cumsum(0).cumsum(1)
    at = np.arange(SHORTEST, len(logs) - SHORTEST + 1)[:, np.newaxis]
    end = np.arange(2 * SHORTEST, len(logs) + 1)
    left, right = at, np.maximum(end - at, SHORTEST)
    within_left = sums[at, at] / 2
    between = sums[at, end] - sums[at, at]
    within_right = sums[end, end] / 2 - between - within_left
    found = 2 * between / (left * right)
    found -= within_left / (left * (left - 1) / 2) + within_right / (right * (right - 1) / 2)
    found = np.where(end - at >= SHORTEST, found * left * right / (left + right), -np.inf)
    row, _ = np.unravel_index(found.argmax(), found.shape)
    return int(at[row, 0])


Detector = Callable[[Weighted], Sequence[int]]
"""A series to the places where new levels begin."""

DETECTORS: tuple[Detector, ...] = (partition, energy_changes)


def level_changes(
    logs: Values,
    errors: Values,
    detectors: Sequence[Detector] = DETECTORS,
    common: Prior | None = None,
) -> tuple[LevelChange, ...]:
    """Return the changes of a series' level in the order of time, each significant by itself.

    The weakest one is taken back, and the others are measured anew, until all are strong enough.

    Args:
        logs: Logarithms of times in the order of time, float64 [N]; fewer than ``FEWEST`` have no
            change.
        errors: What each report shows of its value's standard error, float64 [N], NaN where it is
            unknown. How much more two reports differ is estimated from the series.
        detectors: Which have to agree. The first one's places are taken.
        common: What the variances of series like it have in common, from ``remaining``.
    """
    if len(logs) < FEWEST:
        return ()
    of = msgspec.structs.replace(_weighted(logs, errors), common=common)
    first, *others = (detect(of) for detect in detectors)
    left = [
        at for at in first if all(any(abs(at - one) <= AGREEMENT for one in by) for by in others)
    ]
    while left:
        ends = [0, *left, len(logs)]
        share = _independent_share(of, ends)
        changes = tuple(_change(of, at, share) for at in zip(ends, left, ends[2:], strict=False))
        weakest = max(changes, key=lambda change: change.p)
        if weakest.p <= LEVEL:
            return changes
        left.remove(weakest.at)
    return ()


def remaining(logs: Values, errors: Values, changes: Sequence[LevelChange]) -> Part:
    """Return the variance of a series around its levels, and its degrees of freedom.

    Args:
        logs: As for ``level_changes``, at least ``FEWEST``.
        errors: Likewise.
        changes: Those of the series.
    """
    of, ends = _weighted(logs, errors), [0, *(each.at for each in changes), len(logs)]
    degrees = len(logs) - len(changes) - 1
    square = float(of.weights @ _residuals(of, ends) ** 2)
    return square / degrees / of.weights.mean(), _independent_share(of, ends) * degrees


def _weighted(logs: Values, errors: Values) -> Weighted:
    """Return a series for the detectors.

    The difference between reports is what neighbours differ in beyond their own errors. A change of
    the level is one difference of many and does not count in their median.
    """
    known = errors[~np.isnan(errors)]
    own = np.where(np.isnan(errors), known.max(initial=0.0), errors) ** 2
    steps = np.diff(logs)
    spread = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
    between = max(_SMALLEST_SPREAD**2, spread**2 - float(np.median(own)))
    variances = own + between
    neighbours = np.lib.stride_tricks.sliding_window_view(np.pad(logs, 2, mode="reflect"), 5)
    middle, most = np.median(neighbours, axis=1), _MOST_SPREADS * np.sqrt(variances)
    return Weighted(np.clip(logs, middle - most, middle + most), 1 / variances)


def _independent_share(of: Weighted, ends: Sequence[int]) -> float:
    """Return how many independent values one value is worth.

    For values that resemble their predecessors by a correlation of r it is (1 - r) / (1 + r): the
    effective size of a sample of a first-order autoregression (G. V. Bayley and J. M. Hammersley,
    "The 'effective' number of independent observations in an autocorrelated time series",
    Supplement to the Journal of the Royal Statistical Society 8, 1946).
    """
    rest = _residuals(of, ends)
    square = float(rest @ rest)
    # The levels are fitted to the same values, which makes neighbours look less alike.
    bias = (len(ends) - 1) / len(rest)
    found = float(rest[1:] @ rest[:-1]) / square + bias if square else 0.0
    correlation = min(max(found, 0.0), _LARGEST_CORRELATION)
    return (1 - correlation) / (1 + correlation)


def _residuals(of: Weighted, ends: Sequence[int]) -> Values:
    """Return what a series differs by from its levels, each between two of the ends."""
    rest = of.logs.copy()
    for begin, end in pairwise(ends):
        rest[begin:end] -= np.average(rest[begin:end], weights=of.weights[begin:end])
    return rest


def _change(of: Weighted, places: tuple[int, int, int], share: float = 1.0) -> LevelChange:
    """Return the change between two levels, tested by Student's t with a pooled variance.

    The variance is moderated by what is known of series like it.

    Args:
        of: The series.
        places: Where the first level begins, where the second does, and where it ends.
        share: How many independent values one value is worth.
    """
    begin, at, end = places
    logs, weights = of.logs[begin:end], of.weights[begin:end]
    parts = [(logs[each], weights[each]) for each in (slice(at - begin), slice(at - begin, None))]
    (before, one), (after, other) = ((np.average(a, weights=w), w.sum()) for a, w in parts)
    rest = math.fsum(
        float(w @ (a - mean) ** 2) for (a, w), mean in zip(parts, (before, after), strict=True)
    )
    size, typical = float(after - before), float(of.weights.mean())
    own = (rest / (len(logs) - 2) / typical, max(1.0, share * (len(logs) - 2)))
    variance, degrees = _moderated(own, of.common)
    variance *= typical / share
    error = max(math.sqrt(variance * (1 / one + 1 / other)), _SMALLEST_SPREAD)
    choices = len(logs) - 2 * SHORTEST + 1
    first, last = _likely_places(logs, weights, at - begin, variance)
    return LevelChange(
        at=at,
        first=begin + first,
        last=begin + last,
        size=size,
        half=float(stdtrit(degrees, 1 - LEVEL / 2)) * error,
        p=min(1.0, choices * float(2 * stdtr(degrees, -abs(size) / error))),
    )


def _moderated(own: Part, common: Prior | None) -> Part:
    """Moderate a variance as those of a run's launches are, unless it is not like the others.

    A series with more noise than chance explains is lent fewer degrees of freedom, or none, as in
    B. Phipson et al., "Robust hyperparameter estimation protects against hypervariable genes and
    improves power to detect differential expression", Annals of Applied Statistics 10, 2016: it
    would else be the one with false changes.
    """
    if common is None:
        return own
    degrees = min(common.degrees, _MOST_DEGREES)
    chance = float(fdtrc(own[1], degrees, own[0] / common.variance))
    variance, most = moderated(own, common)
    return variance, own[1] + min(1.0, 2 * chance) * (most - own[1])


def _likely_places(logs: Values, weights: Values, at: int, variance: float) -> tuple[int, int]:
    """Return the first and the last place that explains two levels about as well as the best."""
    weight, sums = weights.cumsum(), (weights * logs).cumsum()
    places = np.arange(SHORTEST, len(logs) - SHORTEST + 1)
    left, right = weight[places - 1], weight[-1] - weight[places - 1]
    explained = sums[places - 1] ** 2 / left + (sums[-1] - sums[places - 1]) ** 2 / right
    lost = explained.max() - explained
    likely = places[(lost <= _LIKELY * max(variance, 1e-12)) | (places == at)]
    return int(likely[0]), int(likely[-1])
