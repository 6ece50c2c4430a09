"""The verdict on each time of a comparison, and the times of two targets of one report. Pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from simx.results.comparison import changes
from simx.results.comparison.changes import Shift, paired_shift
from simx.results.comparison.differences import Pair
from simx.results.comparison.digest import COMPARED_SCOPES, CellDigest, TimeDigest
from simx.results.comparison.outcome import CellComparison, Change, Unjudged
from simx.results.schema.config import Config
from simx.results.schema.times import TimeKey
from simx.results.statistics.estimates import CONFIDENCE
from simx.results.statistics.moderation import Part, Prior, moderated, prior, spread

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


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """How two targets of one report are compared: by launch, with moderated variances."""

    pilot: int | None
    priors: Mapping[TimeKey, Prior | None]

    @classmethod
    def of(cls, pairs: Sequence[Pair], config: Config | None) -> "Pairing":
        """Return what the pairs of a report, measured as the configuration says, share."""
        pilot = config.pilot if config else None
        parts: dict[TimeKey, list[Part]] = defaultdict(list)
        for one, other in pairs:
            for key, times in common_times(one, other):
                parts[key] += filter(None, [spread(_log_ratios(*times), pilot)])
        return cls(pilot=pilot, priors={key: prior(found) for key, found in parts.items()})

    def shift(self, base: TimeDigest, new: TimeDigest) -> Shift | None:
        """Return the change of a time, or None if no launch has it on both targets."""
        logs = _log_ratios(base, new)
        own = spread(logs, self.pilot)
        part = own and moderated(own, self.priors[base.scope, base.image])
        ratios = TimeDigest(scope=base.scope, image=base.image, logs=logs, spread=part)
        return paired_shift(ratios) if logs else None


def common_times(
    one: CellDigest, other: CellDigest
) -> Iterator[tuple[TimeKey, tuple[TimeDigest, TimeDigest]]]:
    """Yield the times that both cells have, by scope and image."""
    there = {(time.scope, time.image): time for time in other.times}
    for time in one.times:
        key = (time.scope, time.image)
        if time.scope in COMPARED_SCOPES and key in there:
            yield key, (time, there[key])


def _log_ratios(base: TimeDigest, new: TimeDigest) -> dict[int, float]:
    return {at: new.logs[at] - log for at, log in base.logs.items() if at in new.logs}
