"""How many pictures a second a sweep reaches over the batch, threads and instances. Pure.

Settings are compared launch by launch, like backends: in common rounds, a disturbance cancels.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from simx.common import grouped
from simx.results.schema.config import Config
from simx.results.statistics.estimates import Ratio, log_times, ratio_of
from simx.results.statistics.moderation import Part, Prior, prior, spread
from simx.results.summaries.summary import (
    BackboneSummary,
    Curve,
    FailedSummary,
    MeasuredSummary,
    Over,
)

KNEE_SHARE = 0.95
"""Of the best throughput that the knee of a curve has."""

_AXES: tuple[Over, ...] = ("batch", "threads", "instances")
"""What changes along a curve; the other settings do not."""

_Logs = Sequence[Mapping[int, float]]
"""The logarithms of each point's throughput, by launch."""


def curves(summaries: Sequence[BackboneSummary], config: Config | None) -> tuple[Curve, ...]:
    """Return the throughput of every cell of a report: over the batch, threads, and instances.

    Instances that divide threads among them are compared with their threads, others with equal
    ones.

    Args:
        summaries: of its backbones in all settings, in the order of the settings.
        config: of the report; without a sweep there is no curve, nor at a given rate of queries.
    """
    if config is None or not config.sweeps or config.rate is not None:
        return ()
    lines = [
        (curve, [_throughputs(*each) for each in curve.points])
        for over in _AXES
        for curve in _curves(summaries, over, divided=not config.thread_counts)
    ]
    parts: dict[object, list[Part]] = defaultdict(list)
    for curve, logs in lines:
        found = (spread(_relative(logs, place, 0), config.pilot) for place in range(1, len(logs)))
        parts[curve.over, curve.target] += filter(None, found)
    priors = {key: prior(of) for key, of in parts.items()}
    return tuple(
        _rated(curve, logs, config, priors[curve.over, curve.target]) for curve, logs in lines
    )


def _curves(summaries: Sequence[BackboneSummary], over: Over, *, divided: bool) -> Iterator[Curve]:
    """Yield the cells that differ in one setting alone, or in instances that divide threads."""
    changing: dict[str, int] = {over: 0}
    if over == "instances" and divided:
        changing["threads"] = 0
    groups = grouped(
        ((backbone, cell) for backbone in summaries for cell in backbone.cells),
        lambda of: (
            *(of[0].model, of[0].weights, of[1].target),
            of[0].setting._replace(**changing),
        ),
    )
    for points in (tuple(of) for of in groups.values() if len(of) > 1):
        yield Curve(target=points[0][1].target, over=over, points=points)


def _throughputs(of: BackboneSummary, cell: MeasuredSummary | FailedSummary) -> dict[int, float]:
    times = log_times(cell.forwards) if isinstance(cell, MeasuredSummary) else {}
    return {index: math.log(of.pictures) - log for index, log in times.items()}


def _relative(logs: _Logs, place: int, base: int) -> dict[int, float]:
    """Return the logarithms of a throughput relative to another one."""
    of, others = logs[place], logs[base]
    return {index: of[index] - others[index] for index in of if index in others}


def _rated(curve: Curve, logs: _Logs, config: Config, common: Prior | None) -> Curve:
    def rates(base: int) -> tuple[Ratio | None, ...]:
        found = (_relative(logs, place, base) for place in range(len(logs)))
        rates = [ratio_of(each, config.pilot, common) for each in found]
        if own := rates[base]:
            rates[base] = msgspec.structs.replace(own, low=own.value, high=own.value)
        return tuple(rates)

    means = [math.fsum(of.values()) / len(of) if of else -math.inf for of in logs]
    settings = [backbone.setting for backbone, _ in curve.points]
    return msgspec.structs.replace(
        curve,
        gains=rates(0),
        knee=_knee(rates(means.index(max(means)))),
        is_usual=config.settings[0] in settings,
    )


def _knee(rates: Sequence[Ratio | None]) -> tuple[int, int] | None:
    """Return where the knee may be at the earliest, and where it certainly is."""
    known = [(place, rate) for place, rate in enumerate(rates) if rate]
    possible = (place for place, rate in known if rate.high is None or rate.high >= KNEE_SHARE)
    certain = (place for place, rate in known if rate.low is not None and rate.low >= KNEE_SHARE)
    return (next(possible), next(certain)) if known else None
