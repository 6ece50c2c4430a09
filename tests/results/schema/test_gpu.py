"""Which states of a GPU disturb, and how a report sums them up."""

import pytest

from simx.results.schema.gpu import LIMITS, GpuState, Limit, summary


@pytest.mark.parametrize(
    ("limits", "throttled"),
    [
        (None, False),
        ((), False),
        (("idle",), False),
        (("clock setting", "display clock setting", "sync boost", "reliability"), False),
        (("power cap",), True),
        (("idle", "thermal slowdown"), True),
        (("hardware slowdown",), True),
        (("hardware thermal slowdown",), True),
        (("power brake",), True),
        (("board limit",), True),
    ],
)
def test_heat_and_power_disturb_and_settings_do_not(
    *, limits: tuple[Limit, ...] | None, throttled: bool
) -> None:
    """What comes and goes makes rounds differ; how a GPU is set up does not."""
    assert GpuState(limits=limits).is_throttled == throttled


def test_limits_are_in_the_order_of_the_library_s_bits() -> None:
    """Power cap is 0x4 and hardware thermal slowdown 0x40."""
    assert 1 << LIMITS.index("power cap") == 0x4
    assert 1 << LIMITS.index("hardware thermal slowdown") == 0x40
    assert 1 << LIMITS.index("reliability") == 0x400


def test_an_unknown_number_of_others_is_not_shared() -> None:
    """An unknown number excludes no block, and the summary reports it."""
    assert not GpuState().is_shared
    assert not GpuState(others=0).is_shared
    assert GpuState(others=1).is_shared
    assert list(summary([GpuState()])) == ["whether other processes were on it is not known"]


def test_a_run_is_summed_up_in_words() -> None:
    """Clocks, heat and power as spans; what disturbed, with its cause and how often."""
    states = [
        GpuState(core_clock_mhz=1980, temperature_c=61, power_mw=310_400, limits=(), others=0),
        GpuState(core_clock_mhz=1410, temperature_c=71, limits=("idle", "power cap"), others=2),
    ]

    assert list(summary(states)) == [
        "core clock 1410 to 1980 MHz",
        "61 to 71 °C",
        "310 W",
        "throttled in 1 of 2 blocks (power cap)",
        "shared with other processes in 1 of 2 blocks",
    ]
    assert list(summary([])) == []
