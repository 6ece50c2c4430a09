"""How many launches a pilot asks for."""

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.times import Launch
from simx.results.statistics.estimates import ratio
from simx.results.statistics.sample_size import PilotSpreads
from tests.results.builders import launches

STEADY = launches(*[[[1_000_000]]] * 5)


def launches_needed(cells: Sequence[Sequence[Launch]], half_width: float) -> int | None:
    """Return what the first backbone of a run needs."""
    return PilotSpreads().launches_needed("", dict(enumerate(cells)), half_width)


def of(*milliseconds: float) -> tuple[Launch, ...]:
    return launches(*([[round(value * 1e6)]] for value in milliseconds))


def test_it_is_stein_s_number() -> None:
    """Five launches with a known spread ask for (t s / d)^2, by hand."""
    logs = [0.0, 0.01, -0.01, 0.02, -0.02]
    pilot = of(*(10 * math.exp(log) for log in logs))
    spread = math.sqrt(sum(log**2 for log in logs) / 4)
    wanted = (2.7764451 * spread / math.log(1.01)) ** 2

    assert launches_needed([pilot, STEADY], 0.01) == math.ceil(wanted) == 20


def test_a_steady_pilot_is_enough() -> None:
    """Where nothing varies, the pilot's launches are all that is needed."""
    assert launches_needed([STEADY, STEADY], 0.01) == 5


def test_the_least_steady_ratio_decides() -> None:
    """Every ratio is to reach the width, so the widest one asks."""
    restless = of(9, 10, 11, 10, 9)

    assert launches_needed([STEADY, STEADY, restless], 0.01) == launches_needed(
        [STEADY, restless], 0.01
    )


def test_a_single_cell_is_judged_by_its_times() -> None:
    """Without a second cell there is no ratio, and the time's own interval is meant."""
    restless = of(9, 10, 11, 10, 9)

    assert launches_needed([restless], 0.01) == launches_needed([STEADY, restless], 0.01)


def test_one_launch_leaves_nothing_to_judge_by() -> None:
    """A spread takes two."""
    assert launches_needed([of(1), of(2)], 0.01) is None


@given(
    st.lists(st.floats(min_value=5, max_value=20), min_size=2, max_size=8),
    st.floats(min_value=0.001, max_value=0.5),
)
def test_as_many_launches_reach_the_width(times: list[float], half_width: float) -> None:
    """An interval with the pilot's spread over the number asked for is no wider than wanted."""
    pilot = of(*times)
    needed = launches_needed([pilot, launches(*[[[10_000_000]]] * len(times))], half_width)
    assert needed is not None
    if needed > 2000:
        return
    padding = launches(*[[[10_000_000]]] * needed)
    longer = (*pilot, *padding[len(pilot) :])
    found = ratio(longer, padding, pilot=len(pilot))

    assert found is not None
    assert found.half_width is not None
    assert found.half_width <= half_width * 1.000001


def test_pilots_before_it_moderate_a_pilot() -> None:
    """Spreads that are alike have more degrees of freedom, and ask for fewer launches."""
    spreads = PilotSpreads()
    found: list[int] = []
    for scale in (1.0, 1.01, 0.99, 1.02, 0.98):
        pilot = of(*(10 * math.exp(scale * log) for log in (0.0, 0.01, -0.01, 0.02, -0.02)))
        found.append(
            spreads.launches_needed(len(found), {"torch": pilot, "ort": STEADY}, 0.01) or 0
        )

    assert found[0] == 20
    assert found[3] == 21
    assert found[4] == 15


def test_pilots_of_other_targets_moderate_nothing() -> None:
    """Only the same two targets are alike."""
    spreads = PilotSpreads()
    restless = of(9, 10, 11, 10, 9)
    for number in range(6):
        spreads.launches_needed(number, {"torch": restless, f"ort {number}": STEADY}, 0.01)
    alone = launches_needed([restless, STEADY], 0.01)

    assert spreads.launches_needed("", {"torch": restless, "ort": STEADY}, 0.01) == alone
