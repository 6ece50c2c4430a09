"""Compares a call's time by the clock with its time by events on the device's own queue.

Pure. Events begin after the clock does and end before it, so they never last longer. If they do,
the clock stops before the device has finished.
"""

from collections.abc import Sequence

import numpy as np

from simx.results.schema.times import DeviceEvents, Launch

MORE_SHARE, MORE_NS = 0.05, 20_000
"""By how much events may exceed the clock around the same call: two clocks' rates and steps."""

SHORT_SHARE = 0.25
"""By how much timed calls may be shorter than the events of calls right after them."""

REST_SHARE, REST_NS = 0.20, 50_000
"""What a call may take beyond its events; more is time of the host, and worth a note."""


def device_ns(events: DeviceEvents) -> float:
    """Return the median time of a call by the device's events."""
    return float(np.median(events.device_ns))


def wall_ns(events: DeviceEvents) -> float:
    """Return the median time of the same calls by the clock."""
    return float(np.median(events.wall_ns))


def too_short(events: DeviceEvents, timed_ns: float) -> str | None:
    """Describe work of the device that the clock misses; None if it misses none.

    Each of the calls has to show it, and the shortest is compared with the timed ones: a disturbed
    machine makes some calls long, and none short.

    Args:
        events: Of calls right after the timed ones.
        timed_ns: What a timed call took.
    """
    shortest = min(events.device_ns)
    pairs = zip(events.device_ns, events.wall_ns, strict=True)
    if all(device > wall * (1 + MORE_SHARE) + MORE_NS for device, wall in pairs):
        device, clock, of = device_ns(events), wall_ns(events), "a call around them"
    elif timed_ns < shortest * (1 - SHORT_SHARE) - MORE_NS:
        device, clock, of = shortest, timed_ns, "a timed call"
    else:
        return None
    return (
        f"the device's events say {device / 1e6:.3f} ms where the clock says {clock / 1e6:.3f} ms "
        f"of {of}: what is timed ends before the device has finished"
    )


def rest_ns(events: DeviceEvents) -> float | None:
    """Return what a call takes beyond its events; None if the wait for them explains it."""
    wall = wall_ns(events)
    rest = wall - device_ns(events)
    return rest if rest > wall * REST_SHARE + REST_NS else None


def typical_rest_ns(launches: Sequence[Launch]) -> float | None:
    """Return what a call takes beyond its events; None unless each launch with events has it."""
    rests = [rest_ns(launch.events) for launch in launches if launch.events is not None]
    known = [rest for rest in rests if rest is not None]
    return float(np.median(known)) if known and len(known) == len(rests) else None


def typical_device_ns(launches: Sequence[Launch]) -> float | None:
    """Return what a call takes by the device's events, over all launches that have them."""
    medians = [device_ns(launch.events) for launch in launches if launch.events is not None]
    return float(np.median(medians)) if medians else None
