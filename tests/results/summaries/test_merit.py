"""What is better, whatever the figures: the front, limits, and accuracies with intervals."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.evaluation import Estimate as Share
from simx.results.schema.evaluation import EvaluatedCell
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.merit import (
    Merit,
    Verdict,
    beats,
    clearly_more_accurate,
    keeps,
    pareto_front,
    verdict,
)
from simx.results.summaries.selection_criteria import Limits
from tests.results.evaluations import evaluation

EVALUATED = next(cell for cell in evaluation().cells if isinstance(cell, EvaluatedCell))


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


def evaluated(
    low: float, high: float, recall: tuple[float, float] | None, behind: tuple[float, float, float]
) -> Merit:
    """Return a merit on the user's pictures; ``behind`` is the figure and the ends around it."""
    cell = EVALUATED
    ends = recall or (None, None)
    estimate = Share(value=sum(recall) / 2 if recall else 0.5, low=ends[0], high=ends[1])
    assert cell.retrieval is not None
    retrieval = msgspec.structs.replace(cell.retrieval, recall_at_1=estimate)
    value, least, most = behind
    distance = Share(value=value, low=least, high=most)
    return msgspec.structs.replace(
        merit(low, (low + high) / 2, high),
        evaluated=msgspec.structs.replace(cell, retrieval=retrieval, behind=distance),
    )


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

tenths = st.integers(0, 10).map(lambda each: each / 10)
shares = st.one_of(st.none(), st.tuples(tenths, tenths).map(lambda of: (min(of), max(of))))
on_pictures = st.builds(
    lambda of, recall, behind: evaluated(
        of[0], of[2], recall, (behind, behind - 0.1, behind + 0.1)
    ),
    ends,
    shares,
    tenths,
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


@given(st.lists(on_pictures, min_size=1, max_size=12), st.integers(1, 20), tenths)
def test_whatever_keeps_limits_on_pictures_is_matched_by_a_member(
    drawn: list[Merit], latency: float, recall: float
) -> None:
    """So it is where the accuracy has an interval."""
    limits = Limits(max_latency_ns=latency, min_recall=recall)
    members = pareto_front(drawn)

    assert any(keeps(each, limits) for each in drawn) == any(
        keeps(drawn[place], limits) for place in members
    )


@pytest.mark.parametrize(
    ("latency", "recall", "expected"),
    [
        (6, 0.8, "kept"),
        (5.9, 0.8, "cannot be told"),
        (6, 0.85, "cannot be told"),
        (3.9, 0.8, "missed"),
        (5, 0.91, "missed"),
        (None, 0.8, "kept"),
        (None, 0.9, "cannot be told"),
    ],
)
def test_a_limit_is_kept_by_the_whole_interval(
    latency: float | None, recall: float, expected: Verdict
) -> None:
    """And missed only where all of one interval is beyond it; otherwise it cannot be told."""
    limits = Limits(max_latency_ns=latency, min_recall=recall)

    assert verdict(evaluated(4, 6, (0.8, 0.9), (0, 0, 0)), limits) == expected


def test_an_interval_that_cannot_be_drawn_decides_nothing() -> None:
    """Neither a limit nor which of two is more accurate."""
    unknown = evaluated(4, 6, None, (0.5, 0.4, 0.6))

    assert verdict(unknown, Limits(min_recall=0.1)) == "cannot be told"


def test_accuracies_are_apart_where_their_intervals_are() -> None:
    """A published one has no interval."""
    best, near, far = (
        evaluated(4, 6, None, of) for of in ((0, 0, 0), (0.1, -0.05, 0.25), (0.3, 0.26, 0.34))
    )

    assert not clearly_more_accurate(best, near)
    assert clearly_more_accurate(best, far)
    assert clearly_more_accurate(near, far)
    assert clearly_more_accurate(merit(1, 2, 3, acc1=71), merit(1, 2, 3, acc1=70))
    assert not clearly_more_accurate(merit(1, 2, 3), merit(1, 2, 3))


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
