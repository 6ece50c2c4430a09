"""How many pictures a second a sweep reaches over the batch and over threads. Pure.

Settings are compared launch by launch, like backends: in common rounds, a disturbance cancels.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from simx.results.schema.config import Config, Setting
from simx.results.statistics.estimates import Ratio, interval, log_times
from simx.results.statistics.moderation import Part, Prior, prior, spread
from simx.results.summaries.summary import BackboneSummary, Curve, MeasuredSummary, Point, TargetId

KNEE_SHARE = 0.95
"""Of the best throughput that the knee of a curve has."""

Over = Literal["batch", "threads", "instances"]
_OVER: tuple[Over, ...] = ("batch", "threads", "instances")


class _Line(NamedTuple):
    """The points of a curve, and the logarithms of their throughputs by launch."""

    over: Over
    backbone: BackboneSummary
    target: TargetId
    points: tuple[Point, ...]
    logs: Sequence[Mapping[int, float]]

    def relative(self, place: int, base: int) -> dict[int, float]:
        """Return the logarithms of a throughput relative to another one."""
        of, others = self.logs[place], self.logs[base]
        return {index: of[index] - others[index] for index in of if index in others}

    @property
    def best(self) -> int | None:
        """The place of the largest throughput; None without any."""
        means = [math.fsum(of.values()) / len(of) if of else -math.inf for of in self.logs]
        place = means.index(max(means))
        return place if self.logs[place] else None


def curves(summaries: Sequence[BackboneSummary], config: Config) -> tuple[Curve, ...]:
    """Return the throughput of every cell of a report: over the batch, threads, and instances.

    None where queries arrive at a given rate. Instances that divide threads among them are compared
    with their threads, others with equal ones.

    Args:
        summaries: of its backbones in all settings, in the order of the settings.
        config: of the report.
    """
    if config.rate is not None:
        return ()
    lines, pilot = list(_lines(summaries, divided=not config.thread_counts)), config.pilot
    parts: dict[tuple[Over, TargetId], list[Part]] = defaultdict(list)
    for line in lines:
        found = (spread(line.relative(at, 0), pilot) for at in range(1, len(line.points)))
        parts[line.over, line.target] += filter(None, found)
    priors = {key: prior(of) for key, of in parts.items()}
    return tuple(
        _curve(line, priors[line.over, line.target], pilot, config.settings[0]) for line in lines
    )


def _lines(summaries: Sequence[BackboneSummary], *, divided: bool) -> Iterator[_Line]:
    """Yield the cells that differ in the batch alone, then those that do in another setting."""
    cells = []
    for backbone in summaries:
        for cell in backbone.cells:
            times = log_times(cell.forwards) if isinstance(cell, MeasuredSummary) else {}
            logs = {index: math.log(backbone.pictures) - log for index, log in times.items()}
            cells.append((backbone, cell, logs))
    for over in _OVER:
        groups = defaultdict(list)
        for each in cells:
            backbone, cell, _ = each
            setting = backbone.setting._replace(**{over: 0})
            if over == "instances" and divided:
                setting = setting._replace(threads=0)
            groups[backbone.model, backbone.weights, cell.target, setting].append(each)
        for found in (of for of in groups.values() if len(of) > 1):
            points = tuple(
                Point(
                    batch=of.batch,
                    threads=of.threads,
                    instances=of.instances,
                    pictures=of.pictures,
                    cell=it,
                )
                for of, it, _ in found
            )
            logs_of = [logs for *_, logs in found]
            yield _Line(over, found[0][0], points[0].cell.target, points, logs_of)


def _curve(line: _Line, common: Prior | None, pilot: int | None, first: Setting) -> Curve:
    def rate(place: int, base: int) -> Ratio | None:
        logs = line.relative(place, base)
        if not logs:
            return None
        value, low, high, degrees = interval(logs, pilot, common)
        if place == base:
            low = high = value
        return Ratio(value=value, low=low, high=high, degrees=degrees, launches=len(logs))

    best, places = line.best, range(len(line.points))
    return Curve(
        backbone=line.backbone,
        target=line.target,
        over=line.over,
        points=line.points,
        gains=tuple(rate(place, 0) for place in places),
        knee=None if best is None else _knee([rate(place, best) for place in places]),
        is_usual=any((of.batch, of.threads, of.instances) == first for of in line.points),
    )


def _knee(rates: Sequence[Ratio | None]) -> tuple[int, int]:
    """Return where the knee may be at the earliest, and where it certainly is."""
    known = [(place, rate) for place, rate in enumerate(rates) if rate]
    possible = (place for place, rate in known if rate.high is None or rate.high >= KNEE_SHARE)
    certain = (place for place, rate in known if rate.low is not None and rate.low >= KNEE_SHARE)
    return next(possible), next(certain)
