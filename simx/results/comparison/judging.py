"""The verdict on each time of a comparison, corrected for how many are looked at. Pure."""

import math
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from simx.results.comparison import changes
from simx.results.comparison.changes import Shift
from simx.results.comparison.digest import TimeDigest
from simx.results.comparison.outcome import CellComparison, Change, Unjudged
from simx.results.statistics.estimates import CONFIDENCE


class ComparedTime(msgspec.Struct, frozen=True, kw_only=True):
    """One time that both cells of a pair have, and how it shifted."""

    base: TimeDigest
    new: TimeDigest
    shift: Shift
    noisy: bool


PairedCell = tuple[CellComparison, tuple[ComparedTime, ...]]
"""A pair, and its times that can be compared."""


def with_changes(threshold: float, pairs: Sequence[PairedCell]) -> list[PairedCell]:
    """Return every pair with its changes, corrected for how many are looked at."""
    bound = math.log1p(threshold)
    times = [time for _, of_cell in pairs for time in of_cell]
    listed = _below_level([_p_of_any_change(time) for time in times], changes.benjamini_hochberg)
    gated = _below_level([_p_of_regression(time, bound) for time in times], changes.holm)
    found = iter(
        _change(time, threshold, listed=is_listed, gated=is_gated)
        for time, is_listed, is_gated in zip(times, listed, gated, strict=True)
    )
    return [
        (_with_verdict(cell, tuple(islice(found, len(of_cell)))), of_cell)
        for cell, of_cell in pairs
    ]


def _with_verdict(cell: CellComparison, found: tuple[Change, ...]) -> CellComparison:
    """Add a cell's changes; a cell without an interval on ``forward`` or across it is unjudged."""
    whole = msgspec.structs.replace(cell, changes=found)
    change = whole.forward
    if cell.unjudged or change is None or change.verdict != "undecided":
        return whole
    reason: Unjudged = "with too few launches" if change.low is None else "undecided"
    return msgspec.structs.replace(whole, unjudged=reason)


def _p_of_regression(time: ComparedTime, bound: float) -> float | None:
    return time.shift.p_above(bound) if time.base.scope == "forward" and not time.noisy else None


def _p_of_any_change(time: ComparedTime) -> float | None:
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


def _change(time: ComparedTime, threshold: float, *, listed: bool, gated: bool) -> Change:
    found, ratio = time.shift, math.exp(time.shift.center)
    base_ns = math.exp(time.base.mean)
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
        verdict="undecided" if time.noisy else changes.verdict(found, threshold),
        smallest_seen=None if time.noisy else changes.smallest_seen(found, threshold),
        listed=listed,
        gated=gated,
    )
