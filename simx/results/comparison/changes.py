"""Whether a time changed between two runs, and by how much. Pure functions of launches' times.

The two runs are independent samples of launches, whose spreads may differ, so the interval is
Welch's (B. L. Welch, "The generalization of Student's problem when several different population
variances are involved", Biometrika 34, 1947). But two runs of the very same thing differ by more
than their launches do: the machine's state lasts longer than a run. Intervals are widened by that,
in two ways. What two runs differ in at random is a variance of its own (``RunToRun``). What the
canary, which is other work than the cell's, shows of the machine is a shift: the part of a change
that the machine may account for is anything from none of it to all of the canary's.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from scipy.special import stdtr, stdtrit

from simx.results.statistics.estimates import CONFIDENCE

Verdict = Literal["slower", "faster", "changed", "equivalent", "inconclusive"]
"""What an interval says of a threshold: it lies beyond it; it lies inside it, without or with no
change in it; or it leaves open on which side of the threshold the change is."""

_FEWEST_LAUNCHES = 2


class RunToRun(msgspec.Struct, frozen=True, kw_only=True):
    """By what two runs of the same thing differ by themselves.

    ``spread`` is the standard deviation of one run's logarithm, beyond what its launches show: 0.01
    for 1 %. ``degrees`` are the degrees of freedom that it was found with, infinite where it is
    taken as known.
    """

    spread: float
    degrees: float = math.inf

    @property
    def variance(self) -> float:
        """Of the difference between two runs."""
        return 2 * self.spread**2


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One run's times of one thing: the logarithm of each launch's nanoseconds, by its index.

    ``pilot`` is how many launches fixed their number; None where none did.
    """

    logs: Mapping[int, float]
    pilot: int | None = None

    @property
    def mean(self) -> float:
        """Of the logarithms."""
        return math.fsum(self.logs.values()) / len(self.logs)

    @property
    def pilot_logs(self) -> list[float]:
        """The logarithms that the spread is judged by."""
        return [log for index, log in self.logs.items() if self.pilot is None or index < self.pilot]


Part = tuple[float, float]
"""A variance, and its degrees of freedom."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A change, in logarithms: its middle, and how far its interval reaches.

    ``own`` are the parts of its variance that are its own, ``common`` the one that it may share
    with all others of the same two runs. ``error``, the standard error, ``degrees``, its degrees of
    freedom, and ``half``, half the interval's width, are None where launches are too few to have a
    spread. ``machine`` is the shift of the canary, positive where the machine was slower in the
    second run, which ``half`` does not hold.
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

    def _p(self, distance: float) -> float | None:
        if self.error is None or self.degrees is None:
            return None
        if distance <= 0:
            return 1.0
        return float(2 * stdtr(self.degrees, -distance / self.error)) if self.error else 0.0


def shift(base: Sample, new: Sample, run_to_run: RunToRun, machine: float = 0.0) -> Shift:
    """Return the change from one run to another.

    Args:
        base: At least one launch.
        new: At least one launch.
        run_to_run: What two runs differ in by themselves.
        machine: The logarithm of the canary's time in the second run over that in the first.
    """
    own = [_part(base), _part(new)]
    return _shift(new.mean - base.mean, own, run_to_run, machine)


def mean_shift(shifts: Sequence[Shift], run_to_run: RunToRun) -> Shift:
    """Return the mean of the changes of several cells, each with an interval.

    What two runs differ in by themselves may be common to all cells, so it does not average out,
    and neither does what the machine accounts for.
    """
    count = len(shifts)
    own = [(variance / count**2, degrees) for shift in shifts for variance, degrees in shift.own]
    return _shift(
        math.fsum(each.center for each in shifts) / count,
        own,
        run_to_run,
        math.fsum(each.machine for each in shifts) / count,
    )


def verdict(change: Shift, threshold: float) -> Verdict:
    """Say what a change amounts to.

    Args:
        change: With its interval.
        threshold: The share that matters, to either side: 0.03 for 3 %.
    """
    bound = math.log1p(threshold)
    low, high = change.low, change.high
    if low is None or high is None:
        return "inconclusive"
    if low > bound:
        return "slower"
    if high < -bound:
        return "faster"
    if low < -bound or high > bound:
        return "inconclusive"
    return "equivalent" if low <= 0 <= high else "changed"


def smallest_seen(change: Shift, threshold: float) -> float | None:
    """Return the smallest slowdown that would have been called one, as a share.

    That is the one whose interval would have begun at the threshold: half of all changes of that
    size are found.
    """
    if change.half is None:
        return None
    return math.expm1(math.log1p(threshold) + change.half + max(0.0, change.machine))


def variance(values: Sequence[float]) -> float:
    """Return the unbiased variance of at least two values, of which a comparison needs many."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _part(sample: Sample) -> Part | None:
    """Return the variance of a run's mean, by the pilot's spread."""
    spread = sample.pilot_logs
    if len(spread) < _FEWEST_LAUNCHES:
        return None
    return variance(spread) / len(sample.logs), len(spread) - 1


def _shift(
    center: float, own: Sequence[Part | None], run_to_run: RunToRun, machine: float
) -> Shift:
    """Add up variances, with Welch's and Satterthwaite's degrees of freedom."""
    known = tuple(part for part in own if part is not None)
    common = (run_to_run.variance, run_to_run.degrees)
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
