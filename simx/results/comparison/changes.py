"""Whether a time changed between two runs, and by how much. Pure functions of launches' times.

The two runs are independent samples of launches with unequal spreads, so the interval is Welch's
(B. L. Welch, "The generalization of Student's problem when several different population variances
are involved", Biometrika 34, 1947). But two runs of the same thing differ by more than their
launches do, because the machine's state lasts longer than a run. That widens intervals in two ways.
The random difference between two runs is a variance of its own (``RunToRun``). The canary, whose
work is not the cell's, shows a shift of the machine: the machine may account for any part of it,
from none to all.

How much two runs differ is estimated from repeated ones, or a default.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from simx.models.pictures import Image
from simx.results.comparison.digest import Digest, TimeDigest
from simx.results.schema.report import Identity
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import CONFIDENCE
from simx.results.statistics.moderation import Part, variance

Verdict = Literal["slower", "faster", "changed", "equivalent", "undecided"]
"""Where an interval lies. Beyond the threshold: ``slower``, ``faster``. Within it: ``changed``
without 0, ``equivalent`` with 0. Across it: ``undecided``."""


class RunToRun(msgspec.Struct, frozen=True, kw_only=True):
    """How much two runs of the same thing differ.

    ``spread`` is the standard deviation of one run's logarithm, beyond what its launches show: 0.01
    for 1 %. ``degrees`` are the degrees of freedom of its estimate, infinite if it is assumed.
    """

    spread: float
    degrees: float = math.inf


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A change, in logarithms: its middle, and how far its interval reaches.

    ``own`` are the parts of its variance that are its own, ``common`` the one that it may share
    with all others of the same two runs. ``error``, the standard error, ``degrees``, its degrees of
    freedom, and ``half``, half the interval's width, are None where launches are too few to have a
    spread. ``machine`` is the shift of the canary, positive where the machine was slower in the
    second run; ``half`` does not include it.
    """

    center: float
    own: tuple[Part, ...]
    common: Part
    machine: float
    error: float | None
    degrees: float | None
    half: float | None

    @property
    def low(self) -> float | None:
        """The interval's lower end."""
        return None if self.half is None else self.center - self.half - max(0.0, self.machine)

    @property
    def high(self) -> float | None:
        """The interval's upper end."""
        return None if self.half is None else self.center + self.half - min(0.0, self.machine)

    def p_above(self, bound: float) -> float | None:
        """Return the two-sided p-value that the change is no larger than a bound.

        Below ``1 - CONFIDENCE`` exactly where the interval lies above the bound.
        """
        return self._p(self.center - max(0.0, self.machine) - bound)

    def p_below(self, bound: float) -> float | None:
        """Return the two-sided p-value that the change is no smaller than a bound."""
        return self._p(bound - self.center + min(0.0, self.machine))

    @property
    def p_changed(self) -> float | None:
        """The two-sided p-value that nothing changed."""
        above, below = self.p_above(0.0), self.p_below(0.0)
        return None if above is None or below is None else min(above, below)

    def _p(self, distance: float) -> float | None:
        if self.error is None or self.degrees is None:
            return None
        if distance <= 0:
            return 1.0
        return float(2 * stdtr(self.degrees, -distance / self.error)) if self.error else 0.0


def shift(base: TimeDigest, new: TimeDigest, run_to_run: RunToRun, machine: float = 0.0) -> Shift:
    """Return the change from one run to another.

    Args:
        base: At least one launch.
        new: At least one launch.
        run_to_run: How much two runs of the same thing differ.
        machine: The logarithm of the canary's time in the second run over that in the first.
    """
    own = [base.variance_of_mean, new.variance_of_mean]
    return _shift(new.mean - base.mean, own, run_to_run, machine)


def paired_shift(ratios: TimeDigest) -> Shift:
    """Return the change between two targets that were measured in the same rounds.

    What disturbs a round or a whole run disturbs both, so nothing is added for it.

    Args:
        ratios: The logarithm of the new time over the base's, of each launch; at least one.
    """
    return _shift(ratios.mean, [ratios.variance_of_mean], RunToRun(spread=0.0), 0.0)


def mean_shift(shifts: Sequence[Shift], run_to_run: RunToRun) -> Shift:
    """Return the mean of the changes of several cells, each with an interval.

    All cells may share the difference between the runs, so it does not average out. The same holds
    for the machine's part.
    """
    count = len(shifts)
    center, machine = (
        math.fsum(values) / count
        for values in ([each.center for each in shifts], [each.machine for each in shifts])
    )
    own = [(variance / count**2, degrees) for shift in shifts for variance, degrees in shift.own]
    return _shift(center, own, run_to_run, machine)


def verdict(change: Shift, threshold: float) -> Verdict:
    """Return the verdict on a change; ``threshold`` is the share that matters, 0.03 for 3 %."""
    bound = math.log1p(threshold)
    low, high = change.low, change.high
    if low is None or high is None:
        return "undecided"
    if low > bound:
        return "slower"
    if high < -bound:
        return "faster"
    if low < -bound or high > bound:
        return "undecided"
    return "equivalent" if low <= 0 <= high else "changed"


def smallest_seen(change: Shift, threshold: float) -> float | None:
    """Return the smallest slowdown that would have had the verdict ``slower``, as a share.

    Its interval would have begun at the threshold: half of all changes of that size are found.
    """
    if change.half is None:
        return None
    return math.expm1(math.log1p(threshold) + change.half + max(0.0, change.machine))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values: a level holds for a single false alarm among all of them.

    Holds however the comparisons depend on each other (S. Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6, 1979).
    """
    order = np.argsort(p_values)
    steps = np.arange(len(order), 0, -1) * np.take(p_values, order)
    return _in_place(order, np.maximum.accumulate(steps))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values: of those below a level, at most that share is false.

    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995).
    """
    order = np.argsort(p_values)[::-1]
    count = len(order)
    steps = count / np.arange(count, 0, -1) * np.take(p_values, order)
    return _in_place(order, np.minimum.accumulate(steps))


def _in_place(order: npt.NDArray[np.intp], adjusted: npt.NDArray[np.float64]) -> list[float]:
    """Return sorted p-values, 1 at most, in the order in which they were given."""
    found = np.empty(len(order))
    found[order] = np.minimum(adjusted, 1.0)
    return [float(each) for each in found]


def _shift(
    center: float, own: Sequence[Part | None], run_to_run: RunToRun, machine: float
) -> Shift:
    """Add up variances, with Welch's and Satterthwaite's degrees of freedom."""
    known = tuple(part for part in own if part is not None)
    common = (2 * run_to_run.spread**2, run_to_run.degrees)
    error = degrees = half = None
    if len(known) == len(own):
        total = math.fsum(variance for variance, _ in (*known, common))
        squares = math.fsum(variance**2 / degrees for variance, degrees in (*known, common))
        error, degrees = math.sqrt(total), total**2 / squares if squares else math.inf
        half = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error
    return Shift(
        center=center,
        own=known,
        common=common,
        machine=machine,
        error=error,
        degrees=degrees,
        half=half,
    )


DEFAULT_SPREAD: Mapping[Scope, float] = {
    "forward": 0.03,
    "host": 0.03,
    "pipeline": 0.05,
    "similarity": 0.02,
    "similarity.host": 0.02,
    "first": 0.05,
}
"""Standard deviation of a run's logarithm beyond what its launches show, by scope.

Measured over hours in a virtual machine with a shared host (``benchmarks/RESULTS.md``): a default
has to hold in the worst case. Repeated runs show by how much another machine does better.
"""


def run_to_run(runs: Sequence[Digest], scope: Scope) -> RunToRun:
    """Return how much repeated runs of the same thing differ; a default where none is repeated.

    For each cell, the variance of its runs' means, less what the spread of their launches leads to
    expect, is one estimate. The estimates are pooled (the analysis of variance's estimator of a
    variance between groups; S. R. Searle, G. Casella and C. E. McCulloch, "Variance components",
    1992). The cells of a backbone are measured in the same minute and count as one for the degrees
    of freedom. Backbones count separately: the canary shows what a whole run has in common.

    Args:
        runs: Reports of the same thing on the same machine, measured again. Cells that were mostly
            disturbed do not count.
        scope: Whose times are looked at.
    """
    found = list(_excesses(runs, scope))
    if not found:
        return RunToRun(spread=DEFAULT_SPREAD[scope])
    excess = max(0.0, statistics.fmean(each for _, each in found))
    backbones = {(its.model, its.weights) for its, _ in found}
    return RunToRun(spread=math.sqrt(excess), degrees=len(backbones) * (len(runs) - 1))


def _excesses(runs: Sequence[Digest], scope: Scope) -> Iterator[tuple[Identity, float]]:
    repeated: dict[tuple[Identity, Image | None], list[TimeDigest]] = defaultdict(list)
    for run in runs:
        for cell in run.cells:
            for time in () if cell.noisy else cell.times:
                if time.scope == scope and time.logs:
                    repeated[cell.identity, time.image].append(time)
    for (identity, _), samples in repeated.items():
        expected = [part[0] for sample in samples if (part := sample.variance_of_mean)]
        if len(samples) == len(expected) > 1:
            between = variance([sample.mean for sample in samples])
            yield identity, between - statistics.fmean(expected)
