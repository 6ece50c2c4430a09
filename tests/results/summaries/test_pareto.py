"""The front: what nothing beats, whatever the figures."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.statistics.estimates import Estimate
from simx.results.summaries.decision import Merit, beats, pareto_front


def merit(
    low: float,
    median: float,
    high: float,
    acc1: float | None = 70.0,
    margin: float | None = None,
    level: float = 0.0,
) -> Merit:
    latency = Estimate(median_ns=median, low_ns=low, high_ns=high, launches=5, calls=25)
    return Merit(latency=latency, acc1=acc1, margin=margin, level=level)


def alone(median: float, acc1: float | None = 70.0) -> Merit:
    """Return a merit whose latency has no interval."""
    latency = Estimate(median_ns=median, low_ns=None, high_ns=None, launches=1, calls=1)
    return Merit(latency=latency, acc1=acc1, margin=None)


figures = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.0, 3.0]))
levels = st.sampled_from([0.0, 0.1, 0.5, 2.0])
ends = st.lists(st.integers(1, 20), min_size=3, max_size=3).map(sorted)
merits = st.one_of(
    st.builds(
        lambda of, acc1, margin, level: merit(of[0], of[1], of[2], acc1, margin, level),
        ends,
        figures,
        figures,
        levels,
    ),
    st.builds(alone, st.integers(1, 20), figures),
)


@given(st.lists(merits, max_size=12))
def test_no_member_is_beaten(drawn: list[Merit]) -> None:
    """Neither by another member nor by anything that was left out."""
    members = pareto_front(drawn)

    assert not any(beats(other, drawn[place]) for place in members for other in drawn)


@given(st.lists(merits, min_size=1, max_size=12))
def test_every_other_one_is_beaten_by_a_member(drawn: list[Merit]) -> None:
    """What is left out has something in the front to be taken instead; a front is never empty."""
    members = pareto_front(drawn)
    others = set(range(len(drawn))) - set(members)

    assert members
    assert all(any(beats(drawn[member], drawn[other]) for member in members) for other in others)


@given(st.lists(merits, min_size=1, max_size=12), merits)
def test_adding_a_beaten_one_changes_nothing(drawn: list[Merit], added: Merit) -> None:
    """What is beaten by anything beats nothing that was unbeaten."""
    if not any(beats(other, added) for other in drawn):
        return

    assert pareto_front([*drawn, added]) == pareto_front(drawn)


@given(st.lists(merits, min_size=1, max_size=12), st.integers(1, 20), figures)
def test_whatever_keeps_limits_is_matched_by_a_member(
    drawn: list[Merit], latency: float, acc1: float | None
) -> None:
    """Looking at the front alone misses no answer."""

    def fits(one: Merit) -> bool:
        return one.high_ns <= latency and (
            acc1 is None or (one.acc1 is not None and one.acc1 >= acc1)
        )

    assert any(map(fits, drawn)) == any(fits(drawn[place]) for place in pareto_front(drawn))


@given(st.lists(merits, min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_the_order_makes_no_difference(drawn: list[Merit], random: Random) -> None:
    """The front depends on what there is, and on no order."""
    places = list(range(len(drawn)))
    random.shuffle(places)
    shuffled = pareto_front([drawn[place] for place in places])

    assert sorted(places[place] for place in shuffled) == list(pareto_front(drawn))


@pytest.mark.parametrize(
    ("others", "members"),
    [
        ((merit(1, 2, 3, acc1=60),), (0, 1)),
        ((merit(1, 2, 3, acc1=70),), (1,)),
        ((merit(1, 2, 3, acc1=80),), (1,)),
        ((merit(1, 3, 5, acc1=80),), (0, 1)),
        ((merit(1, 2, 3, acc1=80, level=0.4),), (0, 1)),
        ((merit(1, 2, 3, acc1=80, level=-0.2),), (1,)),
        ((merit(1, 2, 3, acc1=None),), (0, 1)),
        ((merit(1, 2, 3, margin=-1),), (1,)),
        ((alone(2),), (1,)),
    ],
    ids=[
        "faster and less accurate",
        "faster and as accurate",
        "faster and more accurate",
        "intervals that touch are a tie",
        "so are those that the drift between the two makes touch",
        "and not those that it leaves apart",
        "an unknown accuracy beats nothing",
        "no margin defends nobody",
        "without an interval, as it stands",
    ],
)
def test_what_beats(others: Sequence[Merit], members: tuple[int, ...]) -> None:
    """Each case against one backbone of 4 to 6 with an accuracy of 70 and no margin."""
    assert pareto_front([merit(4, 5, 6), *others]) == members


def test_a_margin_defends() -> None:
    """A backbone that tells the pictures apart better stays, whatever the others' speed."""
    slow_and_sharp = merit(10, 11, 12, acc1=60, margin=90)

    assert pareto_front([slow_and_sharp, merit(1, 2, 3, acc1=80, margin=80)]) == (0, 1)
    assert pareto_front([slow_and_sharp, merit(1, 2, 3, acc1=80, margin=90)]) == (1,)
