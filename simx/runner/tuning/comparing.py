"""The times of a search's launches, and what single changes do to them. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from simx.results.files.assembly import forward_of, merge_canaries, merge_cells
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.report import FailedCell, Identity, MeasuredCell
from simx.results.schema.times import Launch
from simx.results.schema.tuning import Effect, Interaction
from simx.results.statistics.busyness import busyness
from simx.results.statistics.estimates import Ratio, log_ratios, log_times, ratio_of
from simx.results.statistics.moderation import prior, spread
from simx.results.statistics.noise import CanaryKey
from simx.results.statistics.round_filter import filter_rounds
from simx.runner.tuning.candidates import Candidate, both_changes

Times = Mapping[Candidate, Sequence[Launch]]
"""The ``forward`` launches of candidates that never failed, in the rounds that count."""


class Outcomes(NamedTuple):
    """What launches show; ``noisy`` means that most rounds were disturbed, so that all count.

    ``busy`` means that the machine was too busy for times that are figures.
    """

    times: Times
    failed: Mapping[Candidate, str]
    noisy: bool
    busy: bool


def outcomes(
    launches: Sequence[FinishedLaunch],
    names: Mapping[Identity, Candidate],
    undisturbed_ns: Mapping[CanaryKey, float],
) -> Outcomes:
    """Return the times of candidates, and why others failed.

    Args:
        launches: all of a search or of a part of it.
        names: the candidates, by the identity of their cells.
        undisturbed_ns: nanoseconds of an undisturbed canary.
    """
    cells = merge_cells(cell for each in launches for cell in each.cells)
    measured = [cell for cell in cells if isinstance(cell, MeasuredCell)]
    canaries = merge_canaries(canary for each in launches for canary in each.canary)
    filtered = filter_rounds(list(map(forward_of, measured)), canaries, undisturbed_ns)
    counted = zip(measured, filtered.cells, strict=True)
    lost = (cell for cell in cells if isinstance(cell, FailedCell))
    return Outcomes(
        times={names[cell.identity]: of for cell, of in counted if of},
        failed={names[cell.identity]: cell.reason for cell in lost},
        noisy=filtered.noisy,
        busy=busyness(filtered.cells) is not None,
    )


def per_picture(times: Times) -> dict[Candidate, float]:
    """Return the mean logarithm of the nanoseconds per picture."""
    logs = {each: log_times(launches).values() for each, launches in times.items()}
    return {each: math.fsum(of) / len(of) - math.log(each.batch) for each, of in logs.items()}


class Change(NamedTuple):
    """How many times as many pictures a second a candidate embeds with a value of a factor.

    It is compared with the same candidate with the default's value.
    """

    candidate: Candidate
    factor: str
    value: object
    gain: Ratio

    @property
    def name(self) -> str:
        """The factor and its value."""
        return f"{self.factor} {self.value}".strip()


def changes(start: Sequence[Candidate], times: Times) -> tuple[Change, ...]:
    """Return what each change does to the fastest pair of candidates that differ by it alone.

    The spreads of all such pairs moderate each other.

    Args:
        start: the defaults.
        times: of the whole search.
    """
    logs = per_picture(times)
    pairs = [
        (min(logs[each], logs[other]), each, other, factor, value, ratios)
        for default in start
        for each in times
        if each.base == default.base
        for factor, value, other in _neighbours(each, default, start[0])
        if other in times and (ratios := log_ratios(times[other], times[each]))
    ]
    common = prior(filter(None, (spread(ratios) for *_, ratios in pairs)))
    best: dict[tuple[object, ...], Change] = {}
    for _, each, other, factor, value, ratios in sorted(pairs, key=lambda pair: pair[0]):
        if gain := ratio_of(ratios, prior=common):
            gain = gain.times(each.batch / other.batch)
            best.setdefault((each.base, factor, value), Change(each, factor, value, gain))
    return tuple(best.values())


def effects(start: Sequence[Candidate], times: Times) -> tuple[Effect, ...]:
    """Return the changes as a result has them."""
    return tuple(
        Effect(settings=each.candidate.settings, change=each.name, gain=each.gain)
        for each in changes(start, times)
    )


class Pair(NamedTuple):
    """Two changes of a default that matter, and all that is compared: it, each alone, and both."""

    one: Change
    other: Change
    candidates: tuple[Candidate, Candidate, Candidate, Candidate]


def pairs_of(start: Sequence[Candidate], found: Sequence[Change], most: int) -> list[Pair]:
    """Return the pairs of single changes that matter and do not exclude each other.

    Args:
        start: the defaults.
        found: single changes of them.
        most: changes of each default; those with the largest effect.
    """
    pairs = []
    told = [each for each in found if each.factor != "backend" and each.gain.differs_from_one]
    told.sort(key=lambda each: -abs(math.log(each.gain.value)))
    for default in start:
        own = [each for each in told if each.candidate.base == default.base][:most]
        for one, other in combinations(own, 2):
            alone = one.candidate, other.candidate
            if both := both_changes(default, *alone):
                pairs.append(Pair(one, other, (default, *alone, both)))
    return pairs


def interactions(pairs: Sequence[Pair], times: Times) -> tuple[Interaction, ...]:
    """Return what pairs of changes do, of those whose four candidates have common rounds."""
    found = []
    for pair in pairs:
        if not set(pair.candidates) <= times.keys():
            continue
        default, one, other, both = (times[each] for each in pair.candidates)
        first, second = log_ratios(default, one), log_ratios(default, other)
        logs = log_ratios(default, both)
        excess = ratio_of({at: log - first[at] - second[at] for at, log in logs.items()})
        if excess and (gain := ratio_of(logs)):
            changed, settings = (pair.one.name, pair.other.name), pair.candidates[-1].settings
            found.append(Interaction(settings=settings, changes=changed, gain=gain, excess=excess))
    return tuple(found)


def _neighbours(
    each: Candidate, default: Candidate, first: Candidate
) -> Iterator[tuple[str, object, Candidate]]:
    """Yield factors, their values, and candidates that have the default's instead."""
    for name in sorted(each.variants):
        yield "variant", name, each._replace(variants=each.variants - {name})
    for factor in ("precision", "batch", "threads"):
        value, usual = getattr(each, factor), getattr(default, factor)
        if value != usual:
            yield factor, value, each._replace(**{factor: usual})
    for threads in range(each.threads, default.threads + 1) if each.instances > 1 else ():
        yield "instances", each.instances, each._replace(instances=1, threads=threads)
    if not each.variants and each.precision == default.precision and default != first:
        yield "backend", "", each._replace(base=first.base, precision=first.precision)
