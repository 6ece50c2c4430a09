"""How much is measured, and in which order."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.errors import InputError
from simx.results.schema.config import ProfileName
from simx.runner.bench.schedule import (
    FEWEST_PILOT_LAUNCHES,
    PROFILES,
    schedule,
    shuffled,
)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_what_is_not_said_otherwise(profile: ProfileName) -> None:
    """Rounds, budget and seed are the profile's unless they are given."""
    usual = PROFILES[profile]
    changed = schedule(profile, rounds=9, budget_seconds=7, seed=4)

    assert schedule(profile) == usual
    assert changed == msgspec.structs.replace(usual, rounds=9, budget_seconds=7, seed=4)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_number_of_launches_needs_no_pilot(profile: ProfileName) -> None:
    """Whoever says how many launches there are gets them, whatever they say."""
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
