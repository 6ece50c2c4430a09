"""An instance's part of a load, on a clock that goes on by what is done."""

import math
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simx.results.schema.config import Scenario
from simx.runner.load.client import RELAXATIONS, UNCOUNTED_SHARE, relaxation
from simx.runner.load.stream import Tickets, answer, arrivals
from simx.runner.measure.messages import Answered, MeasureLoad

MS = 1_000_000
BEGIN = 50 * MS


class FakeTime:
    """A clock that moves only while a network computes, or an instance waits."""

    def __init__(self, service: Callable[[int], int]) -> None:
        self.now = 0
        self.calls = 0
        self._service = service

    def read(self) -> int:
        return self.now

    def call(self) -> None:
        self.now += self._service(self.calls)
        self.calls += 1

    def wait(self, moment: int) -> None:
        self.now = max(self.now, moment)


def plan(folder: Path, scenario: Scenario, queries: int, **fields: float) -> MeasureLoad:
    """Return a load of one instance."""
    return MeasureLoad(
        scenario=scenario,
        instances=1,
        queries=queries,
        begin_ns=BEGIN,
        tickets=str(folder / "tickets"),
        rate=fields.get("rate"),
        seed=int(fields.get("seed", 1)),
    )


def answered(load: MeasureLoad, service: Callable[[int], int]) -> list[Answered]:
    """Return what an instance of this service time in nanoseconds answers."""
    time = FakeTime(service)
    return list(answer(load, time.call, lambda: None, time.read, time.wait))


def latencies(load: MeasureLoad, service: Callable[[int], int]) -> np.ndarray:
    return np.array([each.ended_ns - each.due_ns for each in answered(load, service)])


def test_offline_answers_every_query_in_a_row(tmp_path: Path) -> None:
    """No time passes between two calls, and the calls before the beginning do not count."""
    found = answered(plan(tmp_path, "offline", 10), lambda _: 3 * MS)

    assert [each.number for each in found] == list(range(10))
    assert found[0].begun_ns >= BEGIN
    assert found[-1].ended_ns - found[0].begun_ns == 30 * MS


@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.9])
def test_queries_wait_as_queueing_theory_says(tmp_path: Path, utilisation: float) -> None:
    """The mean time in an M/D/1 queue, by Pollaczek and Khinchine."""
    service = MS
    load = plan(tmp_path, "server", 200_000, rate=utilisation * 1e9 / service, seed=5)
    expected = service * (1 + utilisation / (2 * (1 - utilisation)))

    assert latencies(load, lambda _: service).mean() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("utilisation", [0.3, 0.8, 0.9])
def test_a_run_of_server_is_long_enough_for_its_queue(utilisation: float) -> None:
    """In the queries that count, the mean time in an M/D/1 queue is that of an endless run."""
    rng, services = np.random.default_rng(1), np.ones(1000)
    queries = max(100, math.ceil(RELAXATIONS * relaxation(utilisation)))
    waits = np.zeros((queries, len(services)))
    for place in range(1, queries):
        gaps = rng.exponential(1 / utilisation, len(services))
        waits[place] = np.maximum(0, waits[place - 1] + services - gaps)
    counted = 1 + waits[math.ceil(UNCOUNTED_SHARE * queries) :]

    assert counted.mean() == pytest.approx(1 + utilisation / (2 * (1 - utilisation)), rel=0.03)


def test_a_slow_answer_holds_no_question_back(tmp_path: Path) -> None:
    """Queries that were due while an instance stalled have waited for as long as it did."""
    load = plan(tmp_path, "server", 2000, rate=100)
    times = latencies(load, lambda call: 200 * MS if call % 200 == 199 else MS)

    assert np.quantile(times, 0.99) >= 190 * MS
    assert (times > 100 * MS).mean() > 0.05
    assert np.median(times) < 2 * MS


def test_arrivals_follow_from_the_seed(tmp_path: Path) -> None:
    """All instances, and all cells of a round, have the same ones; another seed has others."""
    one, same, other = (
        arrivals(plan(tmp_path, "server", 5000, rate=50, seed=seed)) for seed in (1, 1, 2)
    )

    assert one == same != other
    gaps = np.diff([BEGIN, *one])
    assert gaps.mean() == pytest.approx(1e9 / 50, rel=0.05)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)


def test_no_arrivals_without_a_rate(tmp_path: Path) -> None:
    """Queries of the other scenarios follow answers."""
    assert arrivals(plan(tmp_path, "offline", 5)) == []


def test_lateness_is_what_an_instance_loses_beside_its_calls(tmp_path: Path) -> None:
    """A free instance that begins a query after it was due is late; one that is busy is not."""
    load = plan(tmp_path, "server", 300, rate=100)
    time = FakeTime(lambda _: 2 * MS)

    def wait(moment: int) -> None:
        time.wait(moment)
        time.now += MS // 2

    found = list(answer(load, time.call, lambda: None, time.read, wait))
    waiting = [each for before, each in pairwise(found) if each.due_ns > before.ended_ns]
    busy = [each for before, each in pairwise(found) if each.due_ns < before.ended_ns]

    assert min(len(waiting), len(busy)) > 0
    assert {each.late_ns for each in waiting} == {MS // 2}
    assert all(0 <= each.late_ns <= MS // 2 for each in busy)


def looks(load: MeasureLoad) -> int:
    """Return how often an instance looks at its answers."""
    time = FakeTime(lambda _: MS)
    looked: list[int] = []
    for _ in answer(load, time.call, lambda: looked.append(time.now), time.read, time.wait):
        pass
    return len(looked)


def test_answers_are_looked_at_between_calls(tmp_path: Path) -> None:
    """That delays no query, because all are there."""
    assert looks(plan(tmp_path, "offline", 100)) == 100


def test_a_server_looks_at_answers_only_while_it_waits(tmp_path: Path) -> None:
    """A query that waits already would wait longer."""
    assert 0 < looks(plan(tmp_path, "server", 100, rate=400)) < 100


def test_every_query_is_answered_once(tmp_path: Path) -> None:
    """Instances that take tickets at the same time never get the same one."""
    path = tmp_path / "tickets"
    taken: list[list[int]] = [[] for _ in range(4)]

    def take(own: list[int]) -> None:
        with path.open("ab", buffering=0) as file:
            tickets = Tickets(file.fileno())
            own.extend(tickets.take() for _ in range(500))

    threads = [threading.Thread(target=take, args=[own]) for own in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(number for own in taken for number in own) == list(range(2000))


def test_queries_of_several_streams_begin_together(tmp_path: Path) -> None:
    """Each instance waits until all have answered."""
    load = plan(tmp_path, "multi-stream", 20)
    both = MeasureLoad(
        scenario=load.scenario,
        instances=2,
        queries=load.queries,
        begin_ns=0,
        tickets=load.tickets,
    )
    order: list[int] = []

    def run() -> None:
        calls = iter(range(-1, 20))  # the first one is not counted
        for _ in answer(both, lambda: order.append(next(calls)), lambda: None):
            pass

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    numbers = [number for number in order if number >= 0]
    assert numbers == [number for number in range(20) for _ in range(2)]
