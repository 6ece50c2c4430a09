"""The raw times of a cell, thinned to what a page can carry."""

from collections.abc import Sequence

import msgspec

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import launch_estimate

MOST_TIMES = 256
"""Per cell. Eighty backbones on four targets then have 80 thousand times, a few hundred kB."""

FEWEST_OF_A_LAUNCH = 8

STEPS_PER_MEDIAN = 2000
"""Resolution of times: a two-thousandth of a typical one, a tenth of the narrowest interval's
half-width."""


class LaunchTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one launch's ``forward``, in units of ``RawTimes.unit_ns``.

    ``typical`` is the launch's estimate. ``steps`` are the increasing times, each but the first as
    the difference to the one before, which takes fewer digits. ``count`` is their number in the
    report.
    """

    index: int
    typical: float
    steps: tuple[int, ...]
    count: int


class RawTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one cell's ``forward`` that count, in units of ``unit_ns`` nanoseconds."""

    unit_ns: float
    launches: tuple[LaunchTimes, ...]


def raw_times(launches: Sequence[Launch]) -> RawTimes | None:
    """Return what a page shows of a cell's times; None for no launches.

    A launch with too many keeps times at evenly spaced ranks, with the shortest and the longest:
    the distribution keeps its shape and its ends.
    """
    if not launches:
        return None
    unit_ns = round(max(1.0, launch_estimate(launches[0]) / STEPS_PER_MEDIAN), 3)
    most = max(FEWEST_OF_A_LAUNCH, MOST_TIMES // len(launches))
    return RawTimes(
        unit_ns=unit_ns, launches=tuple(_launch(launch, unit_ns, most) for launch in launches)
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
