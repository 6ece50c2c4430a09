"""Compares two digested reports: pairs, differences, changes, gate and means, put together."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import get_args

import msgspec

from simx.common import grouped
from simx.models.pictures import Image
from simx.models.ranges import Range, range_of
from simx.results.comparison import changes, differences
from simx.results.comparison.changes import RunToRun, Shift, run_to_run
from simx.results.comparison.differences import Matching, Pair
from simx.results.comparison.digest import COMPARED_SCOPES, Digest
from simx.results.comparison.judging import PairedCell, Pairing, change, common_times, judged
from simx.results.comparison.names import DifferenceName
from simx.results.comparison.outcome import (
    CellComparison,
    Change,
    Comparison,
    Difference,
    FailedPair,
    MachineShift,
    MeanChange,
    RangeComparison,
    Side,
    Unjudged,
    UnjudgedCells,
)
from simx.results.schema.report import FailedCell, QuotedCell
from simx.results.schema.times import Scope
from simx.results.summaries.summary import CellLabel, TargetId, label, target_of


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
    """What all pairs share. ``machine`` is the logarithm by which each canary took longer.

    ``pairing`` is None for two reports.
    """

    base: Named
    new: Named
    criteria: ComparisonCriteria
    run_to_run: Mapping[Scope, RunToRun]
    repeats: int = 0
    one_run: bool = True
    pictures: tuple[Image, ...] = ()
    machine: Mapping[TargetId, float] = {}
    pairing: Pairing | None = None

    def is_excluded(self, image: Image | None) -> bool:
        """Whether pictures that differ exclude what depends on this one."""
        if image is None or "pictures" in self.criteria.allow:
            return False
        return image in self.pictures or "anchor" in self.pictures


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
    before, after = dict(one.canaries), dict(other.canaries)
    context = _Context(
        base=base,
        new=new,
        criteria=criteria,
        run_to_run={
            scope: RunToRun(spread=0.0) if one_run else run_to_run((one, *repeats), scope)
            for scope in COMPARED_SCOPES
        },
        repeats=len(repeats),
        one_run=one_run,
        pictures=differences.pictures_that_differ(one, other),
        machine={
            target: math.log(after[target] / ns) for target, ns in before.items() if target in after
        },
    )
    return _comparison(context, differences.match(one.cells, other.cells))


def compare_targets(
    report: Digest, base: TargetId, new: TargetId, criteria: ComparisonCriteria
) -> Comparison:
    """Compare two targets of one report, which were measured in the same rounds.

    Args:
        report: Has cells of both.
        base: What the new target is compared with.
        new: The other target.
        criteria: Threshold and ranges.
    """
    one, other = (
        msgspec.structs.replace(
            report, cells=tuple(cell for cell in report.cells if target_of(cell.identity) == target)
        )
        for target in (base, new)
    )
    matching = differences.match(one.cells, other.cells, of_two_targets=True)
    context = _Context(
        base=Named(base.name, one),
        new=Named(new.name, other),
        criteria=criteria,
        run_to_run={scope: RunToRun(spread=0.0) for scope in COMPARED_SCOPES},
        pairing=Pairing.of(matching.pairs, report.report.config),
    )
    return _comparison(context, matching)


def compare_between(
    report: Digest, base: str, new: str, criteria: ComparisonCriteria
) -> Comparison:
    """Compare two targets of one report, or two kinds of nodes, as two reports are compared.

    Raises:
        InputError: the names are neither those of two targets nor of two kinds.
    """
    one, other = report.kind_named(base), report.kind_named(new)
    if one is None or other is None:
        named = report.target_named
        return compare_targets(report, named(base), named(new), criteria)
    allowing = msgspec.structs.replace(criteria, allow=differences.OF_KINDS)
    before, after = (Named(of.report.kinds[0].name, of) for of in (one, other))
    return compare(before, after, allowing)


def _comparison(context: _Context, matching: Matching) -> Comparison:
    failures = tuple(failure for pair in matching.pairs if (failure := _failure(pair)))
    ranges = _by_range(
        context, [_paired(context, pair) for pair in matching.pairs if not _failure(pair)]
    )
    only_base = tuple(label(each.cell) for each in matching.only_base)
    only_new = tuple(label(each.cell) for each in matching.only_new)
    base, new = (
        Side(name=of.name, created=of.digest.report.created, simx=of.digest.report.simx)
        for of in (context.base, context.new)
    )
    cells = [cell for of_range in ranges for cell in of_range.cells]
    unjudged: dict[Unjudged, list[CellLabel]] = {each: [] for each in get_args(Unjudged)}
    unjudged["only in base"] += only_base
    unjudged["only in new"] += only_new
    for reason, identity in (
        *((cell.unjudged, cell.new) for cell in cells),
        *((each.unjudged, each.identity) for each in failures),
    ):
        if reason is not None:
            unjudged[reason].append(identity)
    return Comparison(
        base=base,
        new=new,
        threshold=context.criteria.threshold,
        run_to_run=context.run_to_run["forward"],
        repeats=context.repeats,
        one_run=context.one_run,
        paired=context.pairing is not None,
        machine=tuple(MachineShift(at, math.exp(log)) for at, log in context.machine.items()),
        pictures=tuple(name for name in context.pictures if context.is_excluded(name)),
        ranges=ranges,
        failures=failures,
        only_base=only_base,
        only_new=only_new,
        judged=sum(cell.unjudged is None for cell in cells),
        unjudged=tuple(UnjudgedCells(reason, tuple(of)) for reason, of in unjudged.items() if of),
    )


def _paired(context: _Context, pair: Pair) -> PairedCell:
    one, other = pair
    found = differences.differences(context.base.digest, context.new.digest, pair)
    if context.pairing:
        # Two targets differ in all else on purpose.
        found = tuple(each for each in found if each.name == "weights")
    allow = context.criteria.allow
    barred = tuple(each for each in found if each.name not in allow)
    others = differences.other_changes(pair, barred, context.is_excluded)
    if context.pairing:
        others = tuple(each for each in others if each.name != "placement")
    times = () if barred else tuple(_times(context, pair, found))
    cell = CellComparison(
        base=label(one.cell),
        new=label(other.cell),
        catalogue=other.cell.catalogue,
        allowed=tuple(each for each in found if each.name in allow),
        barred=barred,
        changes=tuple(each for each, _ in times),
        others=others,
        unjudged=_unjudged(pair, barred),
    )
    return cell, tuple(shift for _, shift in times)


def _unjudged(pair: Pair, barred: Sequence[Difference]) -> Unjudged | None:
    """Return why a pair cannot have a verdict, as far as that does not depend on its interval."""
    if barred:
        return "not comparable"
    if any(isinstance(each.cell, QuotedCell) for each in pair):
        return "published"
    lacks = [all(time.scope != "forward" for time in each.times) for each in pair]
    if any(each.busy and lacking for each, lacking in zip(pair, lacks, strict=True)):
        return "on a busy machine"
    if all(lacks):
        return "without forward"
    if any(lacks):
        return "without forward in base" if lacks[0] else "without forward in new"
    return "disturbed" if any(each.noisy for each in pair) else None


def _times(
    context: _Context, pair: Pair, allowed: Sequence[Difference]
) -> Iterator[tuple[Change, Shift]]:
    one, other = pair
    noisy = one.noisy or other.noisy
    machine = context.machine.get(target_of(other.identity).in_full, 0.0)
    if any(each.name in differences.MACHINE for each in allowed):
        # The user compares two machines: the canary must not explain the change away.
        machine = 0.0
    for (scope, image), (time, again) in common_times(one, other):
        if context.is_excluded(image):
            continue
        if context.pairing:
            shifted = context.pairing.shift(time, again)
        else:
            shifted = changes.shift(time, again, context.run_to_run[scope], machine)
        if shifted is not None:
            yield change(time, again, shifted, context.criteria.threshold, noisy=noisy), shifted


def _by_range(context: _Context, pairs: Sequence[PairedCell]) -> tuple[RangeComparison, ...]:
    ranges = context.criteria.ranges
    pairs = judged(context.criteria.threshold, pairs)
    groups = grouped(pairs, lambda pair: range_of(pair[0].catalogue.gflops, ranges))
    return tuple(
        RangeComparison(
            range=bounds,
            cells=tuple(cell for cell, _ in groups[bounds]),
            means=tuple(_means(context, groups[bounds])),
        )
        for bounds in (*ranges, None)
        if bounds in groups
    )


def _means(context: _Context, pairs: Iterable[PairedCell]) -> Iterable[MeanChange]:
    shifts: dict[TargetId, list[Shift]] = defaultdict(list)
    for cell, of_cell in pairs:
        for each, shift in zip(cell.changes, of_cell, strict=True):
            if each.scope == "forward" and not each.noisy and shift.half is not None:
                shifts[target_of(cell.new)].append(shift)
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
