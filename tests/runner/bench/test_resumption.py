"""A run that ended early is gone on with as if it had not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError
from simx.models.backbone import Backbone
from simx.results.files.journal import Journal, journal_path, read_journal
from simx.results.files.report import read
from simx.results.schema.environment import Environment, OtherEnvironment
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.bench import finish
from simx.runner.bench.cells import Workload
from simx.runner.bench.resumption import environment_changes, require_same_configuration
from simx.runner.bench.targets import OpenTargets, open_targets
from tests.results.builders import report
from tests.runner.benches import PLAN, Plan, go_on, run, small_pictures
from tests.runner.fakes import BACKBONE, entry_in, lacking, target

SECOND = msgspec.structs.replace(BACKBONE, model="othernet")


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of five calls are enough to see what is in them, and no round is taken again."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two launches of two rounds."""
    return msgspec.structs.replace(PLAN, pictures=small_pictures(tmp_path))


@pytest.fixture(scope="module")
def opened() -> Iterator[OpenTargets]:
    """Workers of a backend that is right."""
    with open_targets([target("right")]) as targets:
        yield targets


@pytest.fixture
def workloads(tmp_path: Path) -> list[Workload]:
    """Two backbones, measured from the same files."""
    (tmp_path / "entry").mkdir()
    entry = entry_in(tmp_path / "entry")
    return [Workload(BACKBONE, {"fp32": entry}), Workload(SECOND, {"fp32": entry})]


def interrupted_at(at: int) -> Callable[[Backbone, int, int], None]:
    """Interrupt before a launch, counted over all backbones."""
    begun: list[int] = []

    def progress(_backbone: Backbone, launch: int, _planned: int) -> None:
        begun.append(launch)
        if len(begun) > at:
            raise KeyboardInterrupt

    return progress


def shape(found: Report) -> list[tuple[str, str, list[tuple[str, list[list[int]]]]]]:
    """Return what was measured, without how long it took."""
    return [
        (
            cell.identity.model,
            cell.identity.backend,
            [
                (
                    f"{timing.scope} {timing.image}",
                    [
                        [launch.index, *(block.round for block in launch.blocks)]
                        for launch in timing.launches
                    ],
                )
                for timing in cell.timings
            ],
        )
        for cell in found.cells
        if isinstance(cell, MeasuredCell)
    ]


@pytest.mark.parametrize("at", [1, 3])
def test_a_resumed_run_is_that_of_one_piece(
    tmp_path: Path,
    plan: Plan,
    opened: OpenTargets,
    workloads: list[Workload],
    at: int,
) -> None:
    """Wherever it ended, it has the same cells, launches, rounds and blocks in the end."""
    path = tmp_path / "report.json"
    begun: list[tuple[str, int]] = []
    whole = run(plan, opened, workloads, tmp_path / "whole.json")
    with pytest.raises(KeyboardInterrupt):
        run(plan, opened, workloads, path, interrupted_at(at))
    resumed = go_on(
        plan, opened, workloads, path, lambda which, at, _: begun.append((which.model, at))
    )

    expected = [(model, index) for model in ("fakenet", "othernet") for index in range(2)]
    assert begun == expected[at:]
    assert shape(resumed) == shape(whole)
    assert [stop.launches for stop in resumed.stops] == [2, 2]
    assert read(path) == resumed
    assert not journal_path(path).exists()


def test_resuming_can_end_early_again(
    tmp_path: Path, plan: Plan, opened: OpenTargets, workloads: list[Workload]
) -> None:
    """Each run adds what it finished."""
    path = tmp_path / "report.json"
    with pytest.raises(KeyboardInterrupt):
        run(plan, opened, workloads, path, interrupted_at(1))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            go_on(plan, opened, workloads, path, interrupted_at(1))
    assert len(read_journal(journal_path(path)).launches) == 3
    resumed = go_on(plan, opened, workloads, path)

    assert [stop.launches for stop in resumed.stops] == [2, 2]


def test_a_cell_that_failed_stays_failed(
    tmp_path: Path, plan: Plan, workloads: list[Workload]
) -> None:
    """It is not tried again: whatever ended it would end it again."""
    path = tmp_path / "report.json"
    with open_targets([target("right"), target("dying")]) as both:
        with pytest.raises(KeyboardInterrupt):
            run(plan, both, workloads[:1], path, interrupted_at(1))
        resumed = go_on(plan, both, workloads[:1], path)

    right, dying = resumed.cells
    assert isinstance(right, MeasuredCell)
    assert isinstance(dying, FailedCell)
    assert [len(timing.launches) for timing in right.timings] == [2] * len(right.timings)


def test_time_that_was_spent_counts(
    tmp_path: Path, plan: Plan, opened: OpenTargets, workloads: list[Workload]
) -> None:
    """A backbone's budget is one for all its runs."""
    path = tmp_path / "report.json"
    with pytest.raises(KeyboardInterrupt):
        run(plan, opened, workloads[:1], path, interrupted_at(1))
    spent = sum(launch.seconds for launch in read_journal(journal_path(path)).launches)
    resumed = go_on(plan, opened, workloads[:1], path)

    (stop,) = resumed.stops
    assert (stop.launches, stop.ended_by) == (2, "launches")
    assert spent > 0
    assert stop.seconds > spent


def test_another_export_is_refused(
    tmp_path: Path, plan: Plan, opened: OpenTargets, workloads: list[Workload]
) -> None:
    """Launches of two sets of weights are never put together."""
    path = tmp_path / "report.json"
    workload = workloads[0]
    (entry,) = workload.entries
    weights = msgspec.structs.replace(entry.manifest.weights, sha256="f" * 64)
    manifest = msgspec.structs.replace(entry.manifest, weights=weights)
    other = Workload(BACKBONE, {"fp32": type(entry)(tmp_path, tmp_path, manifest)})
    gone = Workload(BACKBONE, {"fp32": lacking("fp32", "weights", "no network")})
    with pytest.raises(KeyboardInterrupt):
        run(plan, opened, workloads, path, interrupted_at(1))
    with pytest.raises(InputError, match="from another export than the store now has"):
        go_on(plan, opened, [other, workloads[1]], path)
    with pytest.raises(InputError, match="its export is gone and cannot be made again"):
        go_on(plan, opened, [gone, workloads[1]], path)
    resumed = go_on(plan, opened, workloads, path)

    assert [stop.launches for stop in resumed.stops] == [2, 2]


def test_what_is_all_measured_is_only_written(
    tmp_path: Path,
    plan: Plan,
    opened: OpenTargets,
    workloads: list[Workload],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that could not write its report in the end has lost nothing."""
    path = tmp_path / "report.json"
    with monkeypatch.context() as patched:
        patched.setattr("simx.runner.bench.bench.write", _refuse)
        with pytest.raises(RuntimeError):
            run(plan, opened, workloads, path)
    with Journal.resume(journal_path(path)) as journal:
        written = finish(journal, path)

    assert len(shape(written)) == 2
    assert read(path) == written


def _refuse(*_: object) -> None:
    raise RuntimeError


def test_every_difference_of_configuration_is_named() -> None:
    """What was, and what is."""
    before = report()
    assert before.config is not None
    config = msgspec.structs.replace(before.config, threads=1, half_width=None)
    now = msgspec.structs.replace(before, config=config, simx="9.9")
    require_same_configuration(before, before)
    with pytest.raises(InputError) as refused:
        require_same_configuration(before, now)

    assert "threads was 2 and is 1" in str(refused.value)
    assert "half width was 0.015 and is none" in str(refused.value)
    assert "simx was 0.1.0 and is 9.9" in str(refused.value)


def _environment() -> Environment:
    found = report().environment
    assert found is not None
    return found


def test_what_times_depend_on_must_not_have_changed() -> None:
    """Another version of a runtime, or other cores, are another measurement."""
    other = OtherEnvironment(backend="ort", python="3.12.1", libraries={"onnxruntime": "1.31.1"})
    before = msgspec.structs.replace(_environment(), others={"new": other})
    libraries = {**before.libraries, "torch": "3.0"}
    updated = msgspec.structs.replace(other, libraries={"onnxruntime": "1.32.0"})
    for now, message in (
        (
            msgspec.structs.replace(before, others={"new": updated}),
            r"environment of new libraries onnxruntime was 1\.31\.1 and is 1\.32\.0",
        ),
        (msgspec.structs.replace(before, libraries=libraries), "libraries torch was 2.14.1"),
        (msgspec.structs.replace(before, affinity_cores=1), "affinity cores was 2 and is 1"),
        (msgspec.structs.replace(before, governor=None), "governor was performance and is none"),
    ):
        with pytest.raises(InputError, match=message):
            environment_changes(before, now)


def test_what_may_change_is_noted() -> None:
    """An updated kernel is noted, and does not stop the run."""
    before = _environment()
    now = msgspec.structs.replace(before, system="Linux 6.2")

    assert environment_changes(before, before) == ()
    assert environment_changes(before, now) == (
        "since this run was begun, system was Linux 6.1 and is Linux 6.2",
    )
