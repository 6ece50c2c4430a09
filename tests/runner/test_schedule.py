"""How much is measured, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.errors import InputError
from simx.runner.schedule import PROFILES, ProfileName, Schedule, schedule, shuffled


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_what_is_not_said_otherwise(profile: ProfileName) -> None:
    """Launches and rounds come from the profile unless they are given."""
    launches, rounds = PROFILES[profile]

    assert schedule(profile) == Schedule(launches, rounds, 0)
    assert schedule(profile, launches=2) == Schedule(2, rounds, 0)
    assert schedule(profile, rounds=9, seed=4) == Schedule(launches, 9, 4)


@pytest.mark.parametrize(("launches", "rounds"), [(0, 1), (1, 0), (-1, 3)])
def test_nothing_cannot_be_measured(launches: int, rounds: int) -> None:
    """Less than one launch or round is refused with the option's name."""
    with pytest.raises(InputError, match="at least 1 is needed"):
        schedule("quick", launches, rounds)


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
