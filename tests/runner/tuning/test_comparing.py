"""What single changes do: pairs that differ by one factor, in the launches that both have."""

from collections.abc import Mapping

import pytest

from simx.results.schema.times import Launch
from simx.runner.tuning.candidates import Candidate, defaults
from simx.runner.tuning.comparing import Change, changes, interactions, pairs_of
from tests.results.builders import MS, launches
from tests.runner.tuning.simulated import ORT

DEFAULT = Candidate(ORT, "fp32", 1, 2)


def steady(milliseconds: float, count: int = 3) -> tuple[Launch, ...]:
    """Return launches of two rounds that differ a little, as all candidates do together."""
    times = [[round(milliseconds * MS * (1 + index / 100))] for index in range(count)]
    return launches(*([one, one] for one in times))


def found(times: Mapping[Candidate, tuple[Launch, ...]]) -> dict[tuple[str, object], Change]:
    start = defaults([ORT], 2)
    return {(each.factor, each.value): each for each in changes(start, times)}


def test_a_change_is_compared_at_the_best_of_the_others() -> None:
    """Of two pairs that differ by spinning, the faster pair is shown."""
    spinning, one = DEFAULT.also("spinning"), DEFAULT._replace(threads=1)
    both = one.also("spinning")
    change = found({DEFAULT: steady(20), spinning: steady(10), one: steady(6), both: steady(4)})

    assert change["variant", "spinning"].candidate == both
    assert change["variant", "spinning"].gain.value == pytest.approx(1.5)
    assert change["threads", 1].candidate == both
    assert change["threads", 1].gain.value == pytest.approx(2.5)


def test_only_common_launches_count() -> None:
    """What has none with its counterpart has no effect to show."""
    spinning = DEFAULT.also("spinning")
    later = tuple(steady(10, 6)[3:])

    assert found({DEFAULT: steady(20), spinning: later}) == {}
    assert (
        found({DEFAULT: steady(20, 5), spinning: later})["variant", "spinning"].gain.launches == 2
    )


def test_a_batch_counts_pictures() -> None:
    """Eight pictures in the time of four single ones are twice as many a second."""
    change = found({DEFAULT: steady(10), DEFAULT._replace(batch=8): steady(40)})

    assert change["batch", 8].gain.value == pytest.approx(2)


def test_what_differs_twice_is_no_change() -> None:
    """It would be the effect of both."""
    twice = DEFAULT._replace(threads=1).also("spinning")

    assert found({DEFAULT: steady(10), twice: steady(5)}) == {}


def test_one_launch_has_no_interval() -> None:
    """Then it is said of no effect that it is there."""
    change = found({DEFAULT: steady(10, 1), DEFAULT.also("passive"): steady(5, 1)})

    assert change["variant", "passive"].gain.low is None


SPINNING, ONE = DEFAULT.also("spinning"), DEFAULT._replace(threads=1)
BOTH = ONE.also("spinning")


TIMES = {
    DEFAULT: steady(60),
    SPINNING: steady(30),
    ONE: steady(20),
    DEFAULT.also("passive"): steady(80),
    DEFAULT.also("parallel"): launches([[61 * MS]], [[59 * MS]], [[60 * MS]]),
}


def test_changes_that_matter_make_pairs() -> None:
    """Those that differ by chance do not, nor do those that exclude each other."""
    pairs = pairs_of([DEFAULT], changes([DEFAULT], TIMES), 3)

    assert {pair.candidates[-1] for pair in pairs} == {BOTH, ONE.also("passive")}
    assert {each.name for each in pairs[0][:2]} == {"variant spinning", "threads 1"}
    assert pairs_of([DEFAULT], changes([DEFAULT], TIMES), 1) == []


@pytest.mark.parametrize(("together", "excess"), [(10, 1), (5, 2), (20, 0.5)])
def test_a_pair_is_compared_with_the_product_of_its_changes(together: int, excess: float) -> None:
    """Twice and three times as fast make six times; its own gain is over the default."""
    pairs = pairs_of([DEFAULT], changes([DEFAULT], TIMES), 2)
    [found] = interactions(pairs, {**TIMES, BOTH: steady(together)})

    assert found.excess.value == pytest.approx(excess)
    assert found.gain.value == pytest.approx(60 / together)
    assert found.settings.threads == 1
    assert interactions(pairs, TIMES) == ()
