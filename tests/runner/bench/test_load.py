"""Cells under load: several processes of fakes answer queries, and the report has their times."""

from pathlib import Path

import msgspec
import pytest

from simx.results.files.assembly import forward_of
from simx.results.schema.config import Load, Scenario
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.results.summaries.derivation import backbones
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import PlannedCell, Workload
from simx.runner.bench.targets import open_targets
from simx.runner.load import client
from tests.runner.benches import PLAN, Plan, run, small_pictures
from tests.runner.fakes import BACKBONE, entry_in, target


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a few queries are enough, and a busy machine may be late."""
    monkeypatch.setattr(client, "RUN_SECONDS", 0.05)
    monkeypatch.setattr(client, "FEWEST_QUERIES", 5)
    monkeypatch.setattr(client, "FEWEST_SERVED", 40)
    monkeypatch.setattr(client, "SERVER_SECONDS", 0.2)
    monkeypatch.setattr(client, "LATE_SHARE", 100.0)
    monkeypatch.setattr(launches, "REPEATS", 0)
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)


def under(folder: Path, scenario: Scenario, *instances: int, **fields: float) -> Plan:
    """Return a plan of two launches of two rounds with a load."""
    config = msgspec.structs.replace(
        PLAN.config, scenario=scenario, instance_counts=instances, pinned=False, **fields
    )
    return msgspec.structs.replace(PLAN, config=config, pictures=small_pictures(folder))


def bench(folder: Path, plan: Plan, *kinds: str) -> Report:
    (folder / "entry").mkdir(exist_ok=True)
    workload = Workload(BACKBONE, {"fp32": entry_in(folder / "entry")})
    with open_targets([target(kind) for kind in kinds]) as opened:
        return run(plan, opened, [workload], folder / "report.json")


def measured(report: Report) -> list[MeasuredCell]:
    cells = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]
    assert len(cells) == len(report.cells), report.cells
    return cells


def shortest(cell: MeasuredCell) -> float:
    """Return the shortest time of a call, in nanoseconds."""
    blocks = (block for launch in forward_of(cell) for block in launch.blocks)
    return min(ns / block.calls for block in blocks for ns in block.ns)


def test_instances_share_the_queries(tmp_path: Path) -> None:
    """Two processes that sleep for a call each answer twice as many queries a second as one."""
    one, two = measured(bench(tmp_path, under(tmp_path, "offline", 1, 2), "slow"))

    assert [cell.identity.instances for cell in (one, two)] == [1, 2]
    assert shortest(one) >= 30e6
    assert 15e6 <= shortest(two) < 0.75 * shortest(one)


def test_only_forward_is_measured_under_load(tmp_path: Path) -> None:
    """Other scopes are no load; parity and similarity are checked as ever."""
    (cell,) = measured(bench(tmp_path, under(tmp_path, "offline", 2), "right"))
    scopes = {timing.scope for timing in cell.timings}

    assert scopes == {"first", "first.create", "first.call", "forward"}
    assert cell.parity.cosine > 0.9999
    assert cell.identity.scenario == "offline"


def test_a_query_of_several_streams_ends_with_the_last_one(tmp_path: Path) -> None:
    """Its time is at least that of one call, and each has an entry of its own."""
    (cell,) = measured(bench(tmp_path, under(tmp_path, "multi-stream", 2), "slow"))
    blocks = [block for launch in forward_of(cell) for block in launch.blocks]

    assert all(block.calls == 1 and len(block.ns) == client.FEWEST_QUERIES for block in blocks)
    assert min(ns for block in blocks for ns in block.ns) >= 30e6


def test_a_server_counts_from_when_a_query_was_due(tmp_path: Path) -> None:
    """The first queries find no queue, and do not count."""
    (cell,) = measured(bench(tmp_path, under(tmp_path, "server", 1, rate=500.0), "right"))
    blocks = [block for launch in forward_of(cell) for block in launch.blocks]

    assert cell.identity.rate == 500.0
    assert {len(block.ns) for block in blocks} == {80}


def test_more_queries_than_it_answers_are_a_failure(tmp_path: Path) -> None:
    """A queue that grows has no latency of its own."""
    (cell,) = bench(tmp_path, under(tmp_path, "server", 1, rate=60.0), "slow").cells

    assert isinstance(cell, FailedCell)
    assert cell.stage == "load"
    assert "more queries arrive than it answers" in cell.reason
    assert "--scenario server" in cell.command
    assert "--rate 60" in cell.command


def test_a_late_load_generator_refuses_to_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it loses itself would be taken for latency."""
    monkeypatch.setattr(client, "LATE_SHARE", 0.0)
    (cell,) = bench(tmp_path, under(tmp_path, "server", 1, rate=500.0), "right").cells

    assert isinstance(cell, FailedCell)
    assert "late in each of 3 runs" in cell.reason


@pytest.mark.parametrize("kind", ["cached", "dying"])
def test_wrong_answers_and_crashes_fail_under_load(tmp_path: Path, kind: str) -> None:
    """The timed calls' own answers are checked, and another cell is measured all the same."""
    plan = under(tmp_path, "offline", 2)
    bad, good = bench(tmp_path, plan, kind, "right").cells

    assert isinstance(bad, FailedCell)
    assert isinstance(good, MeasuredCell)


def test_instances_get_cores_of_their_own(tmp_path: Path) -> None:
    """None are pinned where there are too few cores, or where that was not wanted."""

    def cores(instances: int, threads: int, *, pinned: bool = True) -> list[tuple[int, ...]]:
        plan = PlannedCell(
            BACKBONE,
            target("right"),
            entry_in(tmp_path),
            threads,
            instances=instances,
            load=Load("offline", pinned=pinned),
        )
        return client.cores_of(plan, [2, 3, 6, 7])

    assert cores(2, 2) == [(2, 3), (6, 7)]
    assert cores(3, 1) == [(2,), (3,), (6,)]
    assert cores(3, 2) == [(), (), ()]
    assert cores(2, 2, pinned=False) == [(), ()]


def test_a_leak_shows_in_a_long_run(tmp_path: Path) -> None:
    """A backend that keeps memory of every call is told from one that does not."""
    config = msgspec.structs.replace(PLAN.config, pilot=1, launches=1, rounds=60, duration=5.0)
    plan = msgspec.structs.replace(PLAN, config=config, pictures=small_pictures(tmp_path))
    (backbone,) = backbones(bench(tmp_path, plan, "leaking", "right"))
    trends = {cell.target.backend: cell.memory_trend for cell in backbone.measured}
    leaking, right = trends["leaking"], trends["right"]

    assert leaking is not None
    assert leaking.low > 2**20
    assert right is not None
    assert abs(right.change) < leaking.low / 10


def test_callers_of_one_session_share_the_queries(tmp_path: Path) -> None:
    """One process answers as many at a time as it has callers; the network sleeps for each."""
    plan = under(tmp_path, "offline", 1, 2)
    config = msgspec.structs.replace(plan.config, shared_session=True, threads=2)
    plan = msgspec.structs.replace(plan, config=config)
    one, two = measured(bench(tmp_path, plan, "slow"))

    assert [cell.identity.threads for cell in (one, two)] == [2, 2]
    assert all(cell.identity.shared_session for cell in (one, two))
    assert 15e6 <= shortest(two) < 0.75 * shortest(one)


def test_an_instance_that_dies_ends_those_that_wait_for_it(tmp_path: Path) -> None:
    """The reason is its own death, and not that another one gave no answer in time."""
    (cell,) = bench(tmp_path, under(tmp_path, "multi-stream", 2), "mortal").cells

    assert isinstance(cell, FailedCell)
    assert "before it answered" in cell.reason
