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

PairedCell = tuple[CellComparison, tuple[Shift, ...]]
"""A pair, and the shift of each of its changes."""


def judged(threshold: float, pairs: Sequence[PairedCell]) -> list[PairedCell]:
    """Return every pair with verdicts on its changes, corrected for how many are looked at."""
    bound = math.log1p(threshold)
    times = [time for cell, shifts in pairs for time in zip(cell.changes, shifts, strict=True)]
    any_change = [None if change.noisy else shift.p_changed for change, shift in times]
    listed = _below_level(any_change, changes.benjamini_hochberg)
    regression = [
        shift.p_above(bound) if change.scope == "forward" and not change.noisy else None
        for change, shift in times
    ]
    gated = _below_level(regression, changes.holm)
    found = iter(
        msgspec.structs.replace(change, listed=is_listed, gated=is_gated)
        for (change, _), is_listed, is_gated in zip(times, listed, gated, strict=True)
    )
    return [
        (_with_verdict(cell, tuple(islice(found, len(shifts)))), shifts) for cell, shifts in pairs
    ]


def _with_verdict(cell: CellComparison, found: tuple[Change, ...]) -> CellComparison:
    """Add a cell's changes; a cell without an interval on ``forward`` or across it is unjudged."""
    whole = msgspec.structs.replace(cell, changes=found)
    change = whole.forward
    if cell.unjudged or change is None or change.verdict != "undecided":
        return whole
    reason: Unjudged = "with too few launches" if change.low is None else "undecided"
    return msgspec.structs.replace(whole, unjudged=reason)


def _below_level(
    p_values: Sequence[float | None], correct: Callable[[Sequence[float]], list[float]]
) -> list[bool]:
    corrected = iter(correct([p for p in p_values if p is not None]))
    return [p is not None and next(corrected) <= 1 - CONFIDENCE for p in p_values]


def change(
    base: TimeDigest, new: TimeDigest, found: Shift, threshold: float, *, noisy: bool
) -> Change:
    """Return how a time changed, with its verdict but without the corrections."""
    ratio, base_ns = math.exp(found.center), math.exp(base.mean)
    return Change(
        scope=base.scope,
        image=base.image,
        base_ns=base_ns,
        new_ns=base_ns * ratio,
        ratio=ratio,
        low=None if found.low is None else math.exp(found.low),
        high=None if found.high is None else math.exp(found.high),
        launches=(len(base.logs), len(new.logs)),
        noisy=noisy,
        verdict="undecided" if noisy else changes.verdict(found, threshold),
        smallest_seen=None if noisy else changes.smallest_seen(found, threshold),
        listed=False,
        gated=False,
    )
