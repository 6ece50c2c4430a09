"""The raw times of a cell, thinned to what a page can carry."""

from collections.abc import Sequence

import msgspec

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import launch_estimate

MOST_TIMES = 256
"""Of one cell. Eighty backbones on four targets are then 80 thousand times, a few hundred kB."""

FEWEST_OF_A_LAUNCH = 8

STEPS_PER_MEDIAN = 2000
"""How finely times are distinguished: a two-thousandth of what is typical, a tenth of the narrowest
interval's half-width."""


class LaunchTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one launch's ``forward``, in units of ``RawTimes.unit_ns``.

    ``typical`` is the launch's own figure. ``steps`` are the times in increasing order, each but
    the first as the difference to the one before, which takes fewer digits. ``count`` is how many
    there are in the report.
    """

    index: int
    typical: float
    steps: tuple[int, ...]
    count: int


class RawTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one cell's ``forward`` that count; ``unit_ns`` is theirs, in nanoseconds."""

    unit_ns: float
    launches: tuple[LaunchTimes, ...]


def raw_times(launches: Sequence[Launch]) -> RawTimes | None:
    """Return what a page shows of a cell's times; None where there are none.

    Of a launch with too many, times at evenly spaced ranks are kept, the shortest and the longest
    among them, so that the distribution keeps its shape and its ends.
    """
    if not launches:
        return None
    unit_ns = max(1.0, launch_estimate(launches[0]) / STEPS_PER_MEDIAN)
    most = max(FEWEST_OF_A_LAUNCH, MOST_TIMES // len(launches))
    return RawTimes(
        unit_ns=round(unit_ns, 3),
        launches=tuple(_launch(launch, round(unit_ns, 3), most) for launch in launches),
    )


def thinned(times: Sequence[float], most: int) -> list[float]:
    """Return at most so many of some sorted times, at evenly spaced ranks, with both ends."""
    if len(times) <= most:
        return list(times)
    return [times[round(place * (len(times) - 1) / (most - 1))] for place in range(most)]


def _launch(launch: Launch, unit_ns: float, most: int) -> LaunchTimes:
    times = sorted(ns / block.calls for block in launch.blocks for ns in block.ns)
    kept = [round(time / unit_ns) for time in thinned(times, most)]
    steps = [later - earlier for earlier, later in zip([0, *kept], kept, strict=False)]
    return LaunchTimes(
        index=launch.index,
        typical=round(launch_estimate(launch) / unit_ns, 1),
        steps=tuple(steps),
        count=len(times),
    )
