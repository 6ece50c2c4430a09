"""The largest rate within a latency bound, from simulated queues of known service time."""

import math

import numpy as np
import pytest

from simx.results.schema.times import Block, Launch
from simx.results.statistics.sustained import (
    USUAL_POWER,
    Run,
    confirmed,
    largest_rate,
    power,
    sustained,
)

SERVICE = 10_000_000
BOUND = 5 * SERVICE


def queue(rate: float, queries: int, seed: int) -> tuple[int, ...]:
    """Return the latencies of an M/D/1 queue in nanoseconds."""
    due = np.random.default_rng(seed).exponential(1e9 / rate, queries).cumsum()
    end, found = 0.0, []
    for moment in due:
        end = max(end, moment) + SERVICE
        found.append(round(end - moment))
    return tuple(found)


def share_late(rate: float) -> float:
    found = np.array(queue(rate, 200_000, seed=99))
    return float((found > BOUND).mean())


def true_rate() -> float:
    """Return the rate at which 1 % is late, by bisection on long queues of the same arrivals."""
    low, high = 10.0, 99.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if share_late(middle) < 0.01 else (low, middle)
    return low


def launches(around: float, count: int, queries: int = 4000) -> tuple[Launch, ...]:
    """Return launches with three runs each at rates around one."""
    return tuple(
        Launch(
            index=index,
            blocks=tuple(
                Block(
                    round=at,
                    calls=1,
                    ns=queue(around * step, queries, seed=100 * index + at),
                    rate=around * step,
                )
                for at, step in enumerate((1.0, 0.97, 1.03))
            ),
        )
        for index in range(count)
    )


def test_the_largest_rate_is_found() -> None:
    """Within 3 %, also where the runs were not at the right rate."""
    right = true_rate()
    for start in (0.93, 1.0, 1.05):
        found = sustained(launches(start * right, 10), BOUND)
        rate = math.exp(np.mean([math.log(1e9 / launch.blocks[0].ns[0]) for launch in found]))
        assert rate == pytest.approx(right, rel=0.03), start


def test_a_rate_is_confirmed_only_where_so_few_are_late() -> None:
    """A claimed rate is below the true one, and not far below; few queries claim nothing."""
    right = true_rate()
    claimed = confirmed(launches(0.97 * right, 8), BOUND)

    assert claimed is not None
    assert 0.9 * right < claimed.rate <= right
    assert claimed.late / claimed.queries < 0.01
    assert confirmed(launches(0.97 * right, 1, queries=100), BOUND) is None


@pytest.mark.parametrize(("queries", "late", "claimed"), [(458, 0, False), (459, 0, True)])
def test_a_claim_takes_as_many_queries_as_the_binomial_says(
    queries: int, late: int, *, claimed: bool
) -> None:
    """Without a late one, 459 queries show with 99 % confidence that no more than 1 % are late."""
    ns = (1,) * queries + (2 * BOUND,) * late
    block = Block(round=0, calls=1, ns=ns, rate=10.0)
    found = confirmed([Launch(index=0, blocks=(block,))], BOUND)

    assert (found is not None) is claimed


def test_without_late_queries_the_power_is_the_usual_one() -> None:
    """Nothing says how steeply their share grows."""
    assert power([[Run(10.0, 1000, 0), Run(11.0, 1000, 0)]]) == pytest.approx(USUAL_POWER, rel=0.05)


def test_the_power_is_found() -> None:
    """Late queries that grow with a power of the rate show it, whatever each launch's level."""
    steps = (0.9, 1.0, 1.1)
    found = power(
        [[Run(step, 100_000, round(level * step**30)) for step in steps] for level in (900, 1500)]
    )

    assert found == pytest.approx(30, rel=0.05)


def test_the_rate_follows_from_the_power() -> None:
    """With four times as many late as allowed, the rate is lower by a factor of 4^(1/20)."""
    rate = largest_rate([Run(100.0, 100_000, 4000)], 20.0)

    assert rate == pytest.approx(100 / 4 ** (1 / 20), rel=1e-4)
