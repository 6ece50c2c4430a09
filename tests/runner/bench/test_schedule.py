"""How much is measured, in which order, and how long a worker may take to answer."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.errors import InputError
from simx.models.catalogue import load
from simx.results.schema.config import ProfileName
from simx.runner.bench.schedule import (
    CANARY_PLAN,
    FEWEST_PILOT_LAUNCHES,
    PROFILES,
    USUAL,
    Deadlines,
    block_plan,
    schedule,
    shuffled,
)

MINUTE_NS = 60_000_000_000


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_what_is_not_said_otherwise(profile: ProfileName) -> None:
    """Rounds, budget and seed are the profile's unless they are given."""
    usual = PROFILES[profile]
    changed = schedule(profile, rounds=9, budget=7, seed=4)

    assert schedule(profile) == usual
    assert changed == msgspec.structs.replace(usual, rounds=9, budget_seconds=7, seed=4)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_number_of_launches_needs_no_pilot(profile: ProfileName) -> None:
    """A given number of launches is used, whatever the times are."""
    asked = schedule(profile, launches=8)

    assert (asked.pilot, asked.launches, asked.half_width) == (8, 8, None)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_precision_has_a_pilot_that_can_judge(profile: ProfileName) -> None:
    """A half-width is judged by five launches at least, also in a profile of fewer."""
    asked = schedule(profile, half_width=0.02)

    assert asked.half_width == 0.02
    assert asked.pilot >= FEWEST_PILOT_LAUNCHES
    assert asked.launches > asked.pilot


def test_launches_and_a_precision_exclude_each_other() -> None:
    """Asking for both is refused, since each of them decides the other."""
    with pytest.raises(InputError, match="--launches 8 with --half-width"):
        schedule("default", launches=8, half_width=0.02)


@pytest.mark.parametrize(("launches", "rounds"), [(0, 1), (1, 0), (-1, 3)])
def test_nothing_cannot_be_measured(launches: int, rounds: int) -> None:
    """Less than one launch or round is refused with the option's name."""
    with pytest.raises(InputError, match="at least 1 is needed"):
        schedule("quick", launches=launches, rounds=rounds)


@given(st.lists(st.integers(), unique=True), st.integers())
def test_an_order_is_a_permutation_that_its_keys_repeat(items: list[int], seed: int) -> None:
    """Shuffling loses nothing, and the same keys give the same order."""
    order = shuffled(items, seed, "round", 1)

    assert sorted(order) == sorted(items)
    assert order == shuffled(items, seed, "round", 1)


def test_rounds_differ_in_their_order() -> None:
    """Over many rounds both orders of two cells occur about equally often."""
    firsts = [shuffled(["torch", "ort"], 0, "resnet18", index)[0] for index in range(400)]

    assert 150 < firsts.count("torch") < 250


def test_every_backbone_has_time_to_load() -> None:
    """Ten minutes at the least, and a machine that does 2e9 multiply-accumulates a second suffices.

    The first call, eight pictures of the reference and four others are called before it answers.
    """
    for backbone in load():
        gmacs = backbone.embedding_gmacs.pooled
        seconds = USUAL.of_loading(gmacs, backbone.params)
        assert USUAL.loading <= seconds <= USUAL.cap
        assert seconds > min(USUAL.cap, 12 * gmacs / 2)


def test_a_block_has_many_times_what_it_should_take() -> None:
    """By what one call took; a giant's three calls of a minute have an hour, and not the night."""
    giant = block_plan(MINUTE_NS)
    small = USUAL.of_block(block_plan(10_000_000), 10_000_000)

    assert USUAL.of_block(CANARY_PLAN, 0) >= USUAL.floor
    assert USUAL.floor < small < 2 * USUAL.floor
    assert 10 * 60 < USUAL.of_block(giant, MINUTE_NS) <= USUAL.cap
    assert USUAL.of_warming_up(100 * MINUTE_NS) == USUAL.cap


def test_the_bounds_are_parameters() -> None:
    """A caller can choose shorter ones."""
    hasty = Deadlines(loading=1.0, floor=0.5, cap=2.0)

    assert hasty.of_loading(0.0, 0) == 1.0
    assert hasty.of_loading(1e6, 0) == 2.0
    assert hasty.of_block(CANARY_PLAN, 0) < 2.0 + hasty.floor


@pytest.mark.parametrize(
    ("milliseconds", "calls"), [(1, 5), (20, 5), (30, 4), (50, 3), (900, 3), (1000, 3), (3000, 1)]
)
def test_blocks_of_long_calls_have_fewer(milliseconds: int, calls: int) -> None:
    """Three fill a block of a tenth of a second; a giant has up to three in five seconds."""
    assert block_plan(milliseconds * 1_000_000).min_calls == calls
