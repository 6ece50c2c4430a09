"""The device's own events beside the clock: what disagrees, and what is worth a note."""

import pytest

from simx.results.schema.times import Block, DeviceEvents, Launch
from simx.results.statistics.device_events import (
    rest_ns,
    too_short,
    typical_device_ns,
    typical_rest_ns,
)

MS = 1_000_000


def events(wall: float, device: float) -> DeviceEvents:
    """Return three calls' times, given in milliseconds."""
    return DeviceEvents(wall_ns=(round(wall * MS),) * 3, device_ns=(round(device * MS),) * 3)


def launch(index: int, of: DeviceEvents | None) -> Launch:
    return Launch(index=index, blocks=(Block(round=0, calls=1, ns=(1,)),), events=of)


@pytest.mark.parametrize(
    ("wall", "device", "timed"),
    [(10, 9.9, 10), (10, 10.3, 10), (0.05, 0.06, 0.05), (10, 2, 10), (10, 9.9, 8)],
    ids=["as it should be", "two clocks", "a small network", "a slow host", "boosted before"],
)
def test_a_clock_that_waits_agrees(wall: float, device: float, timed: float) -> None:
    """Clocks of two kinds differ a little, calls at other times more, and a host may be slow."""
    assert too_short(events(wall, device), timed * MS) is None


@pytest.mark.parametrize(
    ("wall", "device", "timed", "shown"),
    [
        (10, 12, 10, "12.000 ms where the clock says 10.000 ms of a call around them"),
        (10, 9.9, 0.3, "9.900 ms where the clock says 0.300 ms of a timed call"),
        (0.01, 10, 0.01, "10.000 ms where the clock says 0.010 ms"),
    ],
    ids=["around the events", "the timed ones only", "milliseconds for microseconds"],
)
def test_a_clock_that_does_not_wait_is_shown(
    wall: float, device: float, timed: float, shown: str
) -> None:
    """By events that say more than it, around the same calls or the timed ones."""
    assert shown in str(too_short(events(wall, device), timed * MS))


def test_a_disturbed_machine_makes_no_failure() -> None:
    """Calls after the timed ones may be slow; the shortest of them shows what the device needs."""
    slow = DeviceEvents(wall_ns=(10 * MS, 90 * MS, 80 * MS), device_ns=(9 * MS, 89 * MS, 79 * MS))

    assert too_short(slow, 10 * MS) is None
    assert too_short(slow, 2 * MS) is not None


def test_what_lies_outside_the_events_is_the_host_s() -> None:
    """A little of it is how a call begins and ends."""
    assert rest_ns(events(10, 9.5)) is None
    assert rest_ns(events(0.1, 0.06)) is None
    assert rest_ns(events(10, 4)) == 6 * MS


def test_every_launch_has_to_show_it() -> None:
    """Of those that have events; without any there is nothing to say."""
    much, little = events(10, 4), events(10, 9.9)

    assert typical_rest_ns([launch(0, much), launch(1, None), launch(2, much)]) == 6 * MS
    assert typical_rest_ns([launch(0, much), launch(1, little)]) is None
    assert typical_rest_ns([launch(0, None)]) is None
    assert typical_device_ns([launch(0, much), launch(1, events(10, 5))]) == 4.5 * MS
    assert typical_device_ns([launch(0, None)]) is None
