"""The energy of a picture: what the device used beyond its power at idle. Pure."""

import math
from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import interval


class Energy(msgspec.Struct, frozen=True, kw_only=True):
    """Joules of a picture, with their interval over launches; its ends are None for one launch."""

    joules: float
    low: float | None
    high: float | None


def energy_per_picture(launches: Sequence[Launch], batch: int) -> Energy | None:
    """Return the energy of a picture; None where a launch does not tell it, or without launches.

    Args:
        launches: of ``forward``, with the blocks that count.
        batch: pictures of a call.
    """
    found = {launch.index: _joules(launch, batch) for launch in launches}
    logs = {index: math.log(joules) for index, joules in found.items() if joules > 0}
    if not logs or len(logs) < len(found):
        return None
    joules, low, high, _ = interval(logs)
    return Energy(joules=joules, low=low, high=high)


def _joules(launch: Launch, batch: int) -> float:
    """Return a launch's joules of a picture; 0 if a block of it has none."""
    used = [block.noise.energy_uj for block in launch.blocks]
    if launch.idle_watts is UNSET or UNSET in used:
        return 0.0
    seconds = math.fsum((block.noise.wall_ns or 0) / 1e9 for block in launch.blocks)
    joules = math.fsum(each for each in used if each is not UNSET) / 1e6
    pictures = batch * sum(block.calls * len(block.ns) for block in launch.blocks)
    return (joules - launch.idle_watts * seconds) / pictures
