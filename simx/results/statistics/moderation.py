"""The spread of a few launches, moderated by that of a run's other backbones. Pure.

Three or five launches give a variance with two or four degrees of freedom, and Student's t then
makes wide intervals. But a run's backbones have much in common: the same machine, in the same
minutes. An empirical-Bayes prior tells how alike their variances are, and lends each of them
degrees of freedom accordingly (G. K. Smyth, "Linear models and empirical Bayes methods for
assessing differential expression in microarray experiments", Statistical Applications in Genetics
and Molecular Biology 3, 2004, sections 6.1 and 6.2). Unlike there, a variance is never moderated
downwards: one backbone that truly varies more than the others would get intervals that miss too
often. ``benchmarks/moderation.py`` simulates both.
"""

import math
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from scipy.special import digamma, polygamma

Part = tuple[float, float]
"""A variance, and its degrees of freedom."""

FEWEST_VARIANCES = 5
"""With fewer of them, how alike they are cannot be estimated, and nothing is assumed."""

_SMALLEST_SHARE = 1e-5
"""Of the median. Smaller variances, down to 0 of equal times, count as this one: their logarithm
would outweigh all others."""

_NEWTON_STEPS = 50


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """What the variances of a run have in common.

    ``variance`` is their typical value. ``degrees`` say how alike they are: infinite where they
    differ by no more than chance explains. ``most_degrees`` are those of all of them together.
    """

    variance: float
    degrees: float
    most_degrees: float


def prior(parts: Iterable[Part]) -> Prior | None:
    """Estimate a prior from the mean and the variance of the variances' logarithms.

    Args:
        parts: The variance of each backbone, with its degrees of freedom.

    Returns:
        None for fewer than ``FEWEST_VARIANCES``, or if most of them are 0.
    """
    found = np.array(list(parts), dtype=np.float64).reshape(-1, 2)
    variances, degrees = found[:, 0], found[:, 1]
    if len(found) < FEWEST_VARIANCES or not (middle := float(np.median(variances))):
        return None
    logs = np.log(np.maximum(variances, _SMALLEST_SHARE * middle))
    centred = logs - digamma(degrees / 2) + np.log(degrees / 2)
    # What is left of the logarithms' variance once chance, which the degrees give, is taken away.
    differing = float(np.var(centred, ddof=1) - polygamma(1, degrees / 2).mean())
    common, mean = math.inf, float(centred.mean())
    if differing > 0:
        common = 2 * _inverse_trigamma(differing)
        mean += float(digamma(common / 2)) - math.log(common / 2)
    return Prior(variance=math.exp(mean), degrees=common, most_degrees=float(degrees.sum()))


def moderated(own: Part, common: Prior | None) -> Part:
    """Return a variance between its own value and the prior's, no smaller than its own one.

    Args:
        own: The variance that the launches show.
        common: The prior of the run; None leaves the variance as it is.
    """
    if common is None:
        return own
    variance, degrees = own
    if math.isinf(common.degrees):
        between = common.variance
    else:
        weighted = common.degrees * common.variance + degrees * variance
        between = weighted / (common.degrees + degrees)
    return max(variance, between), min(common.degrees + degrees, common.most_degrees)


def spread(logs: Mapping[int, float], pilot: int | None = None) -> Part | None:
    """Return the variance of launches' logarithms; None for fewer than two launches.

    Args:
        logs: One for each launch, by its index.
        pilot: How many launches fixed their number, and alone count here; None where none did.
    """
    values = [log for index, log in logs.items() if pilot is None or index < pilot]
    degrees = len(values) - 1
    return (variance(values), degrees) if degrees > 0 else None


def variance(values: list[float]) -> float:
    """Return the unbiased variance of at least two values; the standard library's is far slower."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, by Newton's method on 1 / trigamma (Smyth 2004)."""
    found = 0.5 + 1 / value
    for _ in range(_NEWTON_STEPS):
        trigamma = float(polygamma(1, found))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, found))
        found += step
        if -step / found < 1e-8:  # noqa: PLR2004 - far below what an estimate can mean
            break
    return found
