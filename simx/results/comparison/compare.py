"""Compares two digested reports: pairs, differences, changes, gate and means, put together."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from operator import attrgetter

import msgspec

from simx.models.pictures import Image
from simx.models.ranges import Range, range_of
from simx.results.comparison import changes, differences
from simx.results.comparison.changes import RunToRun, Sample, Shift
from simx.results.comparison.differences import Pair
from simx.results.comparison.digest import COMPARED_SCOPES, Digest, TimeDigest
from simx.results.comparison.names import DifferenceName
from simx.results.comparison.outcome import (
    CellComparison,
    Change,
    Comparison,
    FailedPair,
    MachineShift,
    MeanChange,
    RangeComparison,
    Side,
)
from simx.results.comparison.run_to_run import default, learnt
from simx.results.schema.report import FailedCell
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import CONFIDENCE
from simx.results.summaries.summary import TargetId, label, target_of


class ComparisonCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """How to compare. ``threshold`` is a share, ``allow`` names the differences that pass."""

    threshold: float
    ranges: Sequence[Range]
    allow: frozenset[DifferenceName] = frozenset()


class Named(msgspec.Struct, frozen=True):
    """A digested report, and its name in the comparison."""

    name: str
    digest: Digest


class _Context(msgspec.Struct, frozen=True, kw_only=True):
    """What all pairs share. ``machine`` is the logarithm by which each canary took longer."""

    base: Digest
    new: Digest
    criteria: ComparisonCriteria
    run_to_run: Mapping[Scope, RunToRun]
    pictures: tuple[Image, ...]
    machine: Mapping[TargetId, float]

    def is_excluded(self, image: Image | None) -> bool:
        """Whether pictures that differ exclude what depends on this one."""
        if image is None or "pictures" in self.criteria.allow:
            return False
        return image in self.pictures or "anchor" in self.pictures


class _Time(msgspec.Struct, frozen=True, kw_only=True):
    """One time that both cells of a pair have, and how it shifted."""

    base: TimeDigest
    new: TimeDigest
    shift: Shift
    noisy: bool


_Judged = tuple[CellComparison, tuple[_Time, ...]]
"""A pair, and its times that can be compared."""


def compare(
    base: Named, new: Named, criteria: ComparisonCriteria, repeats: Sequence[Digest] = ()
) -> Comparison:
    """Compare two reports.

    Args:
        base: What the new one is compared with.
        new: The new one.
        criteria: Threshold, ranges and the differences that pass.
        repeats: The base measured again, once or more, which shows how much runs differ; a default
            is taken without any.
    """
    one, other = base.digest, new.digest
    # The reports are of one run if it began in the same moment, in the same way and place.
    origin = attrgetter("created", "environment", "config")
    one_run = one.report.config is not None and origin(one.report) == origin(other.report)
    context = _Context(
        base=one,
        new=other,
        criteria=criteria,
        run_to_run={
            scope: RunToRun(spread=0.0)
            if one_run
            else learnt((one, *repeats), scope) or default(scope)
            for scope in COMPARED_SCOPES
        },
        pictures=differences.pictures_that_differ(one, other),
        machine=_machine(one, other),
    )
    matching = differences.match(one.cells, other.cells)
    failures = [_failure(pair) for pair in matching.pairs]
    judged = [
        _judged(context, pair)
        for pair, failure in zip(matching.pairs, failures, strict=True)
        if failure is None
    ]
    return Comparison(
        base=Side(name=base.name, created=one.report.created, simx=one.report.simx),
        new=Side(name=new.name, created=other.report.created, simx=other.report.simx),
        threshold=criteria.threshold,
        run_to_run=context.run_to_run["forward"],
        repeats=len(repeats),
        one_run=one_run,
        machine=tuple(MachineShift(at, math.exp(log)) for at, log in context.machine.items()),
        pictures=tuple(name for name in context.pictures if context.is_excluded(name)),
        ranges=_by_range(context, judged),
        failures=tuple(failure for failure in failures if failure is not None),
        only_base=tuple(label(each.cell) for each in matching.only_base),
        only_new=tuple(label(each.cell) for each in matching.only_new),
    )


def _machine(base: Digest, new: Digest) -> dict[TargetId, float]:
    """Return by how much longer the canary took, of each target that both reports have."""
    before, after = dict(base.canaries), dict(new.canaries)
    return {
        target: math.log(after[target] / ns) for target, ns in before.items() if target in after
    }


def _judged(context: _Context, pair: Pair) -> _Judged:
    one, other = pair
    found = differences.differences(context.base, context.new, pair)
    allow = context.criteria.allow
    barred = tuple(each for each in found if each.name not in allow)
    cell = CellComparison(
        base=label(one.cell),
        new=label(other.cell),
        catalogue=other.cell.catalogue,
        allowed=tuple(each for each in found if each.name in allow),
        barred=barred,
        changes=(),
        others=differences.other_changes(one.cell, other.cell, barred, context.is_excluded),
    )
    return cell, () if barred else tuple(_times(context, pair, cell))


def _times(context: _Context, pair: Pair, cell: CellComparison) -> Iterable[_Time]:
    one, other = pair
    there = {(time.scope, time.image): time for time in other.times}
    machine = context.machine.get(target_of(other.identity).in_full, 0.0)
    if any(each.name in differences.MACHINE for each in cell.allowed):
        # The user compares two machines: the canary must not explain the change away.
        machine = 0.0
    for time in one.times:
        again = there.get((time.scope, time.image))
        if time.scope in COMPARED_SCOPES and again and not context.is_excluded(time.image):
            samples = context.base.sample(time), context.new.sample(again)
            shifted = changes.shift(*samples, context.run_to_run[time.scope], machine)
            yield _Time(base=time, new=again, shift=shifted, noisy=one.noisy or other.noisy)


def _by_range(context: _Context, judged: Sequence[_Judged]) -> tuple[RangeComparison, ...]:
    ranges = context.criteria.ranges
    groups: dict[Range | None, list[_Judged]] = {each: [] for each in (*ranges, None)}
    for cell, times in _with_changes(context.criteria.threshold, judged):
        groups[range_of(cell.catalogue.gflops, ranges)].append((cell, times))
    return tuple(
        RangeComparison(
            range=bounds,
            cells=tuple(cell for cell, _ in of_range),
            means=tuple(_means(context, of_range)),
        )
        for bounds, of_range in groups.items()
        if of_range
    )


def _with_changes(threshold: float, judged: Sequence[_Judged]) -> list[_Judged]:
    """Return every pair with its changes, corrected for how many are looked at."""
    bound = math.log1p(threshold)
    times = [time for _, of_cell in judged for time in of_cell]
    listed = _below_level([_p_of_any_change(time) for time in times], changes.benjamini_hochberg)
    gated = _below_level([_p_of_regression(time, bound) for time in times], changes.holm)
    found = iter(
        _change(time, threshold, listed=is_listed, gated=is_gated)
        for time, is_listed, is_gated in zip(times, listed, gated, strict=True)
    )
    return [
        (msgspec.structs.replace(cell, changes=tuple(islice(found, len(of_cell)))), of_cell)
        for cell, of_cell in judged
    ]


def _p_of_regression(time: _Time, bound: float) -> float | None:
    return time.shift.p_above(bound) if time.base.scope == "forward" and not time.noisy else None


def _p_of_any_change(time: _Time) -> float | None:
    if time.noisy:
        return None
    above, below = time.shift.p_above(0.0), time.shift.p_below(0.0)
    return None if above is None or below is None else min(above, below)


def _below_level(
    p_values: Sequence[float | None], correct: Callable[[Sequence[float]], list[float]]
) -> list[bool]:
    """Return for each p-value whether it is below the level once corrected; False for None."""
    corrected = iter(correct([p for p in p_values if p is not None]))
    return [p is not None and next(corrected) <= 1 - CONFIDENCE for p in p_values]


def _change(time: _Time, threshold: float, *, listed: bool, gated: bool) -> Change:
    found, ratio = time.shift, math.exp(time.shift.center)
    base_ns = math.exp(Sample(logs=time.base.logs).mean)
    return Change(
        scope=time.base.scope,
        image=time.base.image,
        base_ns=base_ns,
        new_ns=base_ns * ratio,
        ratio=ratio,
        low=None if found.low is None else math.exp(found.low),
        high=None if found.high is None else math.exp(found.high),
        launches=(len(time.base.logs), len(time.new.logs)),
        noisy=time.noisy,
        verdict="inconclusive" if time.noisy else changes.verdict(found, threshold),
        smallest_seen=None if time.noisy else changes.smallest_seen(found, threshold),
        listed=listed,
        gated=gated,
    )


def _means(context: _Context, judged: Iterable[_Judged]) -> Iterable[MeanChange]:
    """Yield the mean change of each target with more than one cell to compare."""
    shifts: dict[TargetId, list[Shift]] = defaultdict(list)
    for cell, times in judged:
        for time in times:
            if time.base.scope == "forward" and not time.noisy and time.shift.half is not None:
                shifts[target_of(cell.new)].append(time.shift)
    for target, found in shifts.items():
        mean = changes.mean_shift(found, context.run_to_run["forward"])
        if len(found) > 1 and mean.low is not None and mean.high is not None:
            yield MeanChange(
                target=target,
                cells=len(found),
                ratio=math.exp(mean.center),
                low=math.exp(mean.low),
                high=math.exp(mean.high),
                verdict=changes.verdict(mean, context.criteria.threshold),
            )


def _failure(pair: Pair) -> FailedPair | None:
    base, new = (
        f"at {each.cell.stage}: {each.cell.reason}" if isinstance(each.cell, FailedCell) else None
        for each in pair
    )
    return FailedPair(identity=label(pair[1].cell), base=base, new=new) if base or new else None
