"""The state of the GPU that a block ran on, and what of it disturbs. Pure."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, get_args

from msgspec import Meta

from simx.common.bounded import Count
from simx.common.strict_json import Struct

Limit = Literal[
    "idle",
    "clock setting",
    "power cap",
    "hardware slowdown",
    "sync boost",
    "thermal slowdown",
    "hardware thermal slowdown",
    "power brake",
    "display clock setting",
    "board limit",
    "reliability",
]
"""Why the driver holds the clocks where they are, in the order of NVML's bits from 1 on."""

LIMITS: tuple[Limit, ...] = get_args(Limit)

THROTTLING: frozenset[Limit] = frozenset(
    {
        "power cap",
        "hardware slowdown",
        "thermal slowdown",
        "hardware thermal slowdown",
        "power brake",
        "board limit",
    }
)
"""Limits by heat and power, which make one block slower than another. The other limits are the
GPU's set-up, its idleness, or its highest clock."""


class GpuState(Struct, frozen=True, kw_only=True):
    """A GPU at both ends of a block, outside of the timed calls; None where it is not known.

    Clocks in MHz, ``power_mw`` in milliwatts and ``utilisation_percent``, the driver's own average
    of up to a second, are those of the end; ``temperature_c``, in degrees Celsius, is the higher
    one. ``limits`` held the clocks down at either end. ``others`` counts the processes on the
    device that are not simx's own; a container may not show them.
    """

    core_clock_mhz: Count | None = None
    memory_clock_mhz: Count | None = None
    temperature_c: Annotated[int, Meta(ge=-100, le=300)] | None = None
    power_mw: Count | None = None
    utilisation_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    limits: tuple[Limit, ...] | None = None
    others: Count | None = None

    @property
    def is_throttled(self) -> bool:
        """Whether heat or power held the clocks down."""
        return not THROTTLING.isdisjoint(self.limits or ())

    @property
    def is_shared(self) -> bool:
        """Whether another process was on the device."""
        return bool(self.others)


def summary(states: Iterable[GpuState]) -> Iterator[str]:
    """Yield sentences on the GPU of a report's blocks."""
    seen = tuple(states)
    yield from _span([each.core_clock_mhz for each in seen], "core clock {} MHz")
    yield from _span([each.temperature_c for each in seen], "{} °C")
    watts = [None if each.power_mw is None else round(each.power_mw / 1000) for each in seen]
    yield from _span(watts, "{} W")
    throttled = [each for each in seen if each.is_throttled]
    if throttled:
        causes = dict.fromkeys(limit for each in throttled for limit in each.limits or ())
        named = ", ".join(limit for limit in causes if limit in THROTTLING)
        yield f"throttled in {len(throttled)} of {len(seen)} blocks ({named})"
    if shared := sum(each.is_shared for each in seen):
        yield f"shared with other processes in {shared} of {len(seen)} blocks"
    if seen and all(each.others is None for each in seen):
        yield "whether other processes were on it is not known"


def _span(values: Iterable[int | None], text: str) -> Iterator[str]:
    known = [value for value in values if value is not None]
    if known:
        low, high = min(known), max(known)
        yield text.format(low if low == high else f"{low} to {high}")
