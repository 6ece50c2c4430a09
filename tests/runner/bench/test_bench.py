"""A benchmark of fakes: what is measured is complete, and what is wrong is no figure."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError, ProviderUnavailableError
from simx.models.backbone import Backbone
from simx.models.ranges import DEFAULT_RANGES
from simx.results.files.journal import JournalFullError, journal_path, read_journal
from simx.results.files.report import read
from simx.results.schema.config import Schedule, Setting
from simx.results.schema.report import FailedCell, Failure, MeasuredCell, Report
from simx.results.summaries.derivation import by_range
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload, failed_cell, identify
from simx.runner.bench.schedule import Deadlines
from simx.runner.bench.targets import Target, open_targets
from tests.runner.benches import PLAN, run, small_pictures
from tests.runner.fakes import BACKBONE, CUDA, DIM, entry_in, lacking, target

STAGES = ("decode", "preprocess")
"""Those that all cells have in common."""


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of five calls are enough to see what is in them, and no round is taken again."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)


def bench(folder: Path, *kinds: str) -> Report:
    """Measure the fake network on one target for each kind of fake."""
    (folder / "entry").mkdir()
    workload = Workload(BACKBONE, {"fp32": entry_in(folder / "entry")})
    with open_targets([target(kind) for kind in kinds]) as opened:
        return run(PLAN, opened, [workload], folder / "report.json")


def test_a_cell_has_every_scope(tmp_path: Path) -> None:
    """Two launches give every scope and image its blocks, rounds where rounds drive it."""
    report = bench(tmp_path, "right")
    (cell,) = report.cells
    assert isinstance(cell, MeasuredCell)
    shape = {
        (timing.scope, timing.image): [len(launch.blocks) for launch in timing.launches]
        for timing in cell.timings
    }
    pictures = ("anchor", "positive", "negative", "negative_resized")
    expected: dict[tuple[str, str | None], list[int]] = {("forward", None): [2, 2]}
    expected |= {(scope, None): [1, 1] for scope in ("first", "first.create", "first.call")}
    expected |= {("similarity", image): [3, 3] for image in pictures[1:]}
    (preparation,) = report.preparations

    assert shape == expected
    assert {
        (timing.scope, timing.image): [launch.index for launch in timing.launches]
        for timing in preparation.timings
    } == {(f"pipeline.{stage}", image): [0, 1] for stage in STAGES for image in pictures}
    assert cell.embedding_dim == DIM
    assert cell.parity.relative_l2 < 5e-6
    assert cell.placement == {"CPUExecutionProvider": 3}
    assert [len(launch.blocks) for launch in report.canary[0].launches] == [2, 2]


def test_the_share_of_its_nodes_is_what_a_cell_is_called(tmp_path: Path) -> None:
    """In both launches, and its canary too; the whole beside it keeps its name."""
    report = bench(tmp_path, "right", "sharing")

    assert {type(cell) for cell in report.cells} == {MeasuredCell}
    assert {cell.identity.backend for cell in report.cells} == {"right", "sharing:partial=2/3"}
    assert {canary.backend for canary in report.canary} == {"right", "sharing:partial=2/3"}
    assert all(len(canary.launches) == 2 for canary in report.canary)


def test_nodes_that_are_not_always_in_the_same_place_are_a_failure(tmp_path: Path) -> None:
    """Launches of different shares are different cells, and no replicates of one."""
    (cell,) = bench(tmp_path, "shifting").cells
    assert isinstance(cell, FailedCell)

    assert cell.stage == "placement"
    assert "in the launches before" in cell.reason
    assert "--backend shifting " in cell.command


def test_a_device_of_its_own_has_the_host_s_side_too(tmp_path: Path) -> None:
    """From arrays to arrays, and from arrays to a similarity, beside what stays on the device."""
    cells = bench(tmp_path, "device", "right").cells
    scopes = [
        {(timing.scope, timing.image) for timing in cell.timings}
        for cell in cells
        if isinstance(cell, MeasuredCell)
    ]
    compared = ("positive", "negative", "negative_resized")

    assert scopes[0] - scopes[1] == {
        ("host", None),
        *(("similarity.host", image) for image in compared),
    }
    assert not scopes[1] - scopes[0]


def test_a_device_s_events_stand_beside_the_clock(tmp_path: Path) -> None:
    """Of every launch, with forward alone; a device without any has none."""
    cells = bench(tmp_path, "events", "device").cells
    found = [
        {launch.events is not None for launch in timing.launches}
        for cell in cells
        if isinstance(cell, MeasuredCell)
        for timing in cell.timings
        if timing.scope in {"forward", "host"}
    ]

    assert found == [{True}, {False}, {False}, {False}]


def test_a_picture_that_cannot_be_read_fails_the_cells(tmp_path: Path) -> None:
    """It was there when the run began."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    plan = msgspec.structs.replace(PLAN, pictures=replace(PLAN.pictures, anchor=broken))
    with open_targets([target("right")]) as opened:
        workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path)})
        (cell,) = run(plan, opened, [workload], tmp_path / "report.json").cells

    assert isinstance(cell, FailedCell)
    assert cell.stage == "pictures"
    assert "broken.jpg" in cell.reason


def test_the_report_is_on_disk_and_the_journal_is_gone(tmp_path: Path) -> None:
    """What was returned is what can be read again, and nothing else is left."""
    report = bench(tmp_path, "right")

    assert read(tmp_path / "report.json") == report
    assert not journal_path(tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("kind", "stage", "reason"),
    [
        ("refusing", "prepare", "no network for fakenet today"),
        ("constant", "parity", "differs from torch's"),
        ("truncated", "parity", "shape (4, 4) where (4, 8) is right"),
        ("nan", "parity", "differs from torch's"),
        ("cached", "forward", "differs from torch's"),
        ("early", "events", "what is timed ends before the device has finished"),
        ("asynchronous", "synchronise", "its calls return before their results exist"),
        ("wrong_similarity", "similarity", "computes a cosine of"),
        ("dying", "canary", "killed by SIGSEGV"),
    ],
)
def test_a_wrong_backend_is_a_failure_and_its_companion_a_figure(
    tmp_path: Path, kind: str, stage: str, reason: str
) -> None:
    """A cell that is wrong is recorded with stage and reason; the other one is measured."""
    report = bench(tmp_path, "right", kind)
    measured, failed = report.cells

    assert isinstance(measured, MeasuredCell)
    assert isinstance(failed, FailedCell)
    assert failed.stage == stage
    assert reason in failed.reason
    assert failed.command.startswith("simx bench fakenet:IMAGENET1K_V1 --backend " + kind)


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (("doubtful", "rounded"), "torch disagrees with itself: .* error of 1.57e-02, because"),
        (("amplifying", "right"), "torch disagrees with itself: .* error of 1.57e-02, because"),
        (("amplifying", "rounded"), "torch disagrees with itself: .* error of 1.57e-02, because"),
        (("precise", "rounded"), "^the embedding differs from torch's"),
        (("right", "rounded"), "^the embedding differs from torch's"),
        (("doubtful", "truncated"), "^its embeddings have shape"),
        (("precise", "nan"), "^the embedding differs from torch's"),
    ],
)
def test_a_disagreement_names_its_cause(
    tmp_path: Path, kinds: tuple[str, str], reason: str
) -> None:
    """Where float64 shows that the weights amplify rounding, no backend is blamed."""
    report = bench(tmp_path, *kinds)
    failed = [cell for cell in report.cells if isinstance(cell, FailedCell)]

    assert failed
    assert all(re.search(reason, cell.reason) for cell in failed)
    assert {cell.stage for cell in failed} == {"parity"}


def test_the_command_of_a_failure_names_the_same_backend() -> None:
    """Also with options and variables that a shell would take apart."""
    name = 'torch:OMP_PLACES={0},{1};+GOMP_CPU_AFFINITY="0-1"'
    its = identify(BACKBONE, "pooled", target("right"), Setting(1, 1))
    failure = Failure(stage="threads", reason="")
    words = shlex.split(failed_cell(BACKBONE, its, name, "random", failure).command)

    assert words[words.index("--backend") + 1] == name


def test_more_threads_than_requested_are_a_failure(tmp_path: Path) -> None:
    """Its times would be compared with those of one thread; the other cell has its count."""
    report = bench(tmp_path, "right", "greedy")
    measured, failed = report.cells
    assert isinstance(measured, MeasuredCell)
    assert isinstance(failed, FailedCell)

    assert failed.stage == "threads"
    assert re.match(r"\d\.\d threads compute, and 1 was requested; ", failed.reason)
    assert measured.threads_used is not None
    assert measured.threads_used <= 1.1


def test_what_tf32_rounds_away_is_let_pass_in_its_own_cells(tmp_path: Path) -> None:
    """Beside a cell of full precision; the same error under another name fails."""
    (tmp_path / "entry").mkdir()
    usual = target("rounded")
    rounding = msgspec.structs.replace(usual.backend, variants=("tf32",))
    targets = [target("right"), Target(rounding, usual.provider), usual]
    with open_targets(targets) as opened:
        workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path / "entry")})
        report = run(PLAN, opened, [workload], tmp_path / "report.json")
    right, tf32, wrong = report.cells

    assert isinstance(right, MeasuredCell)
    assert isinstance(tf32, MeasuredCell)
    assert 1e-4 < tf32.parity.relative_l2 < 1e-2
    assert isinstance(wrong, FailedCell)
    assert "(at most 1e-04)" in wrong.reason


def test_a_hang_costs_its_deadline_and_its_cell(tmp_path: Path) -> None:
    """A worker that never answers is killed; its last lines are kept, and others go on."""
    (tmp_path / "entry").mkdir()
    entry = entry_in(tmp_path / "entry")
    other = msgspec.structs.replace(BACKBONE, model="othernet")
    brief = PLAN.of(Schedule(pilot=1, launches=1, rounds=1), small_pictures(tmp_path))
    plan = msgspec.structs.replace(brief, deadlines=Deadlines(loading=60.0, floor=1.0))
    with open_targets([target("right"), target("stuck")]) as opened:
        workloads = [Workload(BACKBONE, {"fp32": entry}), Workload(other, {"fp32": entry})]
        report = run(plan, opened, workloads, tmp_path / "report.json")
    right, stuck, *next_ones = report.cells

    assert isinstance(right, MeasuredCell)
    assert isinstance(stuck, FailedCell)
    assert stuck.stage == "canary"
    assert "gave no answer within" in stuck.reason
    assert stuck.stderr == ("waiting for device",)
    assert [type(cell) for cell in next_ones] == [MeasuredCell, FailedCell]


def test_a_giant_gets_few_calls_in_each_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls above the limit (here 20 ms) are made a few times, and the cell says so."""
    monkeypatch.setattr(schedules, "GIANT_CALL_NS", 20_000_000)
    (cell,) = bench(tmp_path, "slow").cells
    assert isinstance(cell, MeasuredCell)
    forward = next(timing for timing in cell.timings if timing.scope == "forward")

    assert cell.few_calls
    assert len(forward.launches) == 2
    assert 1 <= len(forward.launches[0].blocks[0].ns) <= 3


def test_a_backbone_without_an_export_has_failed_cells(tmp_path: Path) -> None:
    """What could not be exported appears in the report, once for each target."""
    failed = lacking("fp32", "export", "no such operator")
    with open_targets([target("right")]) as opened:
        report = run(PLAN, opened, [Workload(BACKBONE, {"fp32": failed})], tmp_path / "report.json")
    (cell,) = report.cells

    assert isinstance(cell, FailedCell)
    assert (cell.stage, cell.reason) == ("export", "no such operator")


@pytest.mark.parametrize("error", [KeyboardInterrupt, JournalFullError])
def test_an_interrupted_run_leaves_what_it_finished(
    tmp_path: Path, error: type[BaseException]
) -> None:
    """What ends the second launch leaves a report of the first, with a note."""

    def interrupt(_backbone: Backbone, launch: int, _planned: int) -> None:
        if launch == 1:
            raise error

    workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path)})
    path = tmp_path / "report.json"
    with (
        open_targets([target("right")]) as opened,
        pytest.raises(error),
    ):
        run(PLAN, opened, [workload], path, interrupt)
    report = read(path)
    (cell,) = report.cells

    assert isinstance(cell, MeasuredCell)
    assert {len(timing.launches) for timing in cell.timings} == {1}
    assert report.notes == ("this run was ended before all was measured",)
    assert len(read_journal(journal_path(path)).launches) == 1


def test_a_provider_that_does_not_run_is_refused_first() -> None:
    """A target whose probe fails ends everything before anything is measured."""
    on_cuda = msgspec.structs.replace(target("right"), provider=CUDA)
    with (
        pytest.raises(ProviderUnavailableError, match="there is no CUDAExecutionProvider"),
        open_targets([on_cuda]),
    ):
        pytest.fail("the targets were opened")


def test_a_provider_of_one_backend_is_a_note_on_the_others() -> None:
    """Every target that works is opened, in its order; the note has the cause."""
    targets = [
        msgspec.structs.replace(target(kind), provider=provider)
        for provider in ("CPUExecutionProvider", CUDA)
        for kind in ("right", "device")
    ]
    with open_targets(targets) as opened:
        cells = [(each.backend.name, each.provider) for each in opened.targets]

    assert cells == [
        ("right", "CPUExecutionProvider"),
        ("device", "CPUExecutionProvider"),
        ("device", CUDA),
    ]
    assert opened.notes == (
        f"right has no cells on {CUDA}, which it cannot use: there is no {CUDA}",
    )


def test_an_option_that_does_not_work_is_refused_where_the_provider_does() -> None:
    """A backend that has the provider without the option shows a mistake, and no lack."""
    plain = msgspec.structs.replace(target("device"), provider=CUDA)
    backend = msgspec.structs.replace(plain.backend, options=("colour=red",))
    with (
        pytest.raises(ProviderUnavailableError, match="it does not know colour=red"),
        open_targets([plain, msgspec.structs.replace(plain, backend=backend)]),
    ):
        pytest.fail("the targets were opened")


def test_a_provider_of_no_backend_is_refused_with_every_reason() -> None:
    """The one line names all backends that were tried."""
    targets = [msgspec.structs.replace(target(kind), provider=CUDA) for kind in ("right", "slow")]
    with pytest.raises(ProviderUnavailableError, match=r"backend right .*; .* backend slow "):
        open_targets(targets).__enter__()


def test_a_journal_left_behind_is_not_overwritten(tmp_path: Path) -> None:
    """The journal may be the only record of an interrupted run."""
    journal_path(tmp_path / "report.json").write_text("precious")
    with pytest.raises(InputError, match="left from another run"):
        bench(tmp_path, "right")

    assert journal_path(tmp_path / "report.json").read_text() == "precious"


def test_a_disturbed_machine_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the canary is slow no round is taken; in the end there are as many as were wanted."""
    monkeypatch.setattr(launches, "REPEATS", 10)
    monkeypatch.setattr(launches, "PAUSE_SECONDS", 0.0)
    report = bench(tmp_path, "busy")
    (cell,) = report.cells
    assert isinstance(cell, MeasuredCell)
    forward = next(timing for timing in cell.timings if timing.scope == "forward")
    first = [block.round for block in forward.launches[0].blocks]
    looked_at = [block.round for block in report.canary[0].launches[0].blocks]

    assert len(looked_at) > 2
    assert not set(range(looked_at[-1])) <= set(first)
    ((summary,),) = (each.backbones for each in by_range(report, DEFAULT_RANGES))
    assert summary.rounds - summary.excluded >= 3


def test_a_disturbed_launch_without_time_has_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for a quiet machine until nothing is left."""
    monkeypatch.setattr(launches, "REPEATS", 1000)
    plan = msgspec.structs.replace(
        PLAN, config=msgspec.structs.replace(PLAN.config, budget_seconds=0.001)
    )
    monkeypatch.setattr("simx.results.statistics.noise.is_slow", lambda *_: True)
    with open_targets([target("right")]) as opened:
        workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path)})
        (cell,) = run(plan, opened, [workload], tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)
    forward = next(timing for timing in cell.timings if timing.scope == "forward")

    assert [len(launch.blocks) for launch in forward.launches] == [2, 2]


def test_a_cell_knows_its_memory_and_its_thread_pools(tmp_path: Path) -> None:
    """Both are looked at where nothing is timed."""
    (cell,) = bench(tmp_path, "right").cells
    assert isinstance(cell, MeasuredCell)

    assert cell.memory is not None
    assert 0 < cell.memory.before <= cell.memory.peak
    assert all("/" not in pool.library for pool in cell.thread_pools)


def test_every_launch_has_warmed_up(tmp_path: Path) -> None:
    """Before the first round of each launch there are blocks that do not count."""
    (cell,) = bench(tmp_path, "right").cells
    assert isinstance(cell, MeasuredCell)
    forward = next(timing for timing in cell.timings if timing.scope == "forward")

    assert all(len(launch.warmup.medians_ns) >= 3 for launch in forward.launches if launch.warmup)
    assert all(launch.warmup is not None for launch in forward.launches)


def test_a_report_says_how_each_backbone_ended(tmp_path: Path) -> None:
    """As many launches as asked for, and how long they took."""
    (stop,) = bench(tmp_path, "right").stops

    assert (stop.model, stop.launches, stop.needed) == ("fakenet", 2, None)
    assert stop.ended_by == "launches"
    assert stop.seconds > 0


def test_a_precision_decides_the_launches(tmp_path: Path) -> None:
    """With a half-width that anything reaches, the pilot is all there is."""
    schedule = Schedule(pilot=3, launches=9, rounds=1, half_width=0.9)
    plan = PLAN.of(schedule)
    with open_targets([target("slow")]) as opened:
        workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path)})
        report = run(plan, opened, [workload], tmp_path / "report.json")
    (stop,) = report.stops

    assert (stop.launches, stop.needed, stop.ended_by) == (3, 3, "half_width")
    assert report.config is not None
    assert report.config.half_width == 0.9


def test_launches_after_the_pilot_are_for_forward_alone(tmp_path: Path) -> None:
    """They narrow the ratio; every other scope has the pilot's launches."""
    planned = Schedule(pilot=2, launches=4, rounds=1, half_width=1e-9)
    plan = PLAN.of(planned)
    with open_targets([target("right")]) as opened:
        workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path)})
        report = run(plan, opened, [workload], tmp_path / "report.json")
    (cell,) = report.cells
    assert isinstance(cell, MeasuredCell)
    indices = {
        (timing.scope, timing.image): [launch.index for launch in timing.launches]
        for timing in (*cell.timings, *report.preparations[0].timings)
    }

    assert indices["forward", None] == indices["first", None] == [0, 1, 2, 3]
    assert indices["pipeline.decode", "negative"] == indices["similarity", "positive"] == [0, 1]


def test_a_giant_and_a_failure_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended the launches of either is recorded."""
    (tmp_path / "one").mkdir()
    (failure,) = bench(tmp_path / "one", "nan").stops
    monkeypatch.setattr(schedules, "GIANT_CALL_NS", 20_000_000)
    (tmp_path / "two").mkdir()
    (giant,) = bench(tmp_path / "two", "slow").stops

    assert (failure.ended_by, giant.ended_by) == ("failed", "giant")
