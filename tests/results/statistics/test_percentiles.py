"""Percentiles: given where the samples carry them, and only there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.times import Launch
from simx.results.statistics.percentiles import (
    effective_samples,
    percentiles,
    samples_needed,
)
from tests.results.builders import launches


def drawn(
    per_launch: int, count: int = 5, *, shift: float = 0.0, calls: int = 1
) -> tuple[Launch, ...]:
    """Return launches of independent times; ``shift`` is the spread between launches."""
    random = np.random.default_rng(3)
    centers = random.normal(0, shift, count) if shift else np.zeros(count)
    of_launches = [
        [np.exp(center + random.normal(16, 0.05, per_launch)).round().astype(int).tolist()]
        for center in centers
    ]
    return launches(*of_launches, calls=calls)


@pytest.mark.parametrize(("q", "needed"), [(0.90, 64), (0.95, 130), (0.99, 662)])
def test_samples_needed(q: float, needed: int) -> None:
    """The sizes are the binomial distribution's."""
    assert samples_needed(q) == needed


def test_percentile_of_known_times() -> None:
    """The 90th percentile of 1 to 100 is 90: nine tenths of the calls do not exceed it."""
    interleaved = [list(range(start, 101, 5)) for start in range(1, 6)]

    assert percentiles(launches(*([ns] for ns in interleaved)), (0.90,)) == (90,)


def test_independent_calls_are_worth_their_number() -> None:
    """Calls that do not resemble each other count nearly fully."""
    assert effective_samples(drawn(100)) > 300


def test_calls_of_one_process_are_worth_less() -> None:
    """Where launches differ and their calls do not, five launches of 200 calls are worth five."""
    of = launches(*([[1000 * launch] * 20] * 10 for launch in range(1, 6)))

    assert effective_samples(of) == pytest.approx(5)


def test_calls_of_one_block_are_worth_less() -> None:
    """Where blocks differ and launches do not, fifty blocks of 20 calls are worth fifty."""
    of = launches(*([[1000 + block] * 20 for block in range(10)] for _ in range(5)))

    assert effective_samples(of) == pytest.approx(50)


@pytest.mark.parametrize(
    ("of", "given_shares"),
    [
        (drawn(400), (True, True, True)),
        (drawn(40), (True, True, False)),
        (drawn(10), (False, False, False)),
        (drawn(400, shift=1.0), (False, False, False)),
        (drawn(400, calls=2), (False, False, False)),
        (drawn(500, count=4), (False, False, False)),
    ],
    ids=["enough", "no p99", "few", "dependent", "timed in batches", "few launches"],
)
def test_samples_decide_which_percentiles_there_are(
    of: tuple[Launch, ...], given_shares: tuple[bool, ...]
) -> None:
    """What the samples cannot carry is None, not a number."""
    found = percentiles(of, (0.90, 0.95, 0.99))

    assert tuple(each is not None for each in found) == given_shares


@given(
    st.lists(st.integers(min_value=1, max_value=10**9), min_size=40, max_size=40),
    st.sampled_from([0.5, 0.9]),
)
def test_percentile_is_one_of_the_times(pool: list[int], q: float) -> None:
    """A percentile is a time that was measured."""
    of = launches(*([pool[place:] + pool[:place]] for place in range(5)))

    found = percentiles(of, (q,))[0]

    assert found is None or found in pool
