"""Two targets of one report, paired by backbone and by launch. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from simx.results.comparison.changes import Shift, paired_shift
from simx.results.comparison.differences import Matching, Pair
from simx.results.comparison.digest import COMPARED_SCOPES, CellDigest, TimeDigest
from simx.results.schema.config import Config
from simx.results.schema.times import TimeKey
from simx.results.statistics.moderation import Part, Prior, moderated, prior, spread
from simx.results.summaries.summary import backbone_of


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


def match_targets(base: Sequence[CellDigest], new: Sequence[CellDigest]) -> Matching:
    """Pair the cells of the same backbone, with the same embedding, batch and threads.

    Args:
        base: The cells of one target.
        new: The cells of the other one, in the same precision or another.
    """
    there = {backbone_of(cell.identity): cell for cell in new}
    here = {backbone_of(cell.identity): cell for cell in base}
    return Matching(
        pairs=tuple((cell, there[key]) for key, cell in here.items() if key in there),
        only_base=tuple(cell for key, cell in here.items() if key not in there),
        only_new=tuple(cell for key, cell in there.items() if key not in here),
    )


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
