"""When a network is warm."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.times import Block
from simx.runner.measure.warmup import LEVEL_STEPS, MOST_BLOCKS, is_level, warm_up


@pytest.mark.parametrize(
    ("medians", "level"),
    [
        ([], False),
        ([100], False),
        ([100, 100], False),
        ([100, 100, 100], True),
        ([100, 101, 100], True),
        ([200, 100, 100], False),
        ([200, 100, 100, 101], True),
        ([100, 95, 90], False),
        ([100, 90, 95, 90], True),
        ([100, 104, 108, 112], False),
    ],
)
def test_level_is_two_steps_that_are_small_or_undo_each_other(
    medians: list[int],
    level: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    """A trend in either direction goes on; noise goes back and forth."""
    assert is_level(medians) is level


def blocks(times: Iterable[int]) -> Iterable[Block]:
    return (Block(round=0, calls=1, ns=(time,)) for time in times)


def test_warming_up_ends_with_the_trend() -> None:
    """Blocks are taken as long as each is faster than the one before, and two more."""
    times = iter(blocks([1000, 500, 250, 125, 125, 125, 125]))

    warmup = warm_up(lambda _: next(times))

    assert warmup.medians_ns == (1000, 500, 250, 125, 125, 125)
    assert not warmup.capped


def test_a_trend_without_an_end_is_cut_off_and_said() -> None:
    """What never levels off ends at the cap, and the launch says so."""
    warmup = warm_up(lambda number: Block(round=number, calls=1, ns=(int(1e8 * 0.9**number),)))

    assert len(warmup.medians_ns) == MOST_BLOCKS
    assert warmup.capped


def test_slow_calls_are_cut_off_by_their_time() -> None:
    """Beside another program a call may take a hundred times as long: the warm-up ends early."""
    warmup = warm_up(lambda number: Block(round=number, calls=1, ns=(int(9e8 * 0.9**number),)))

    assert len(warmup.medians_ns) == LEVEL_STEPS + 1
    assert warmup.capped


@given(st.lists(st.floats(min_value=0.9901, max_value=1.0099), min_size=3, max_size=3))
def test_one_per_cent_of_noise_is_no_trend(factors: list[float]) -> None:
    """A network that was warm from the start costs three blocks."""
    assert is_level([1000 * factor for factor in factors])
