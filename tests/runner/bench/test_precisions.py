"""Several precisions of one backbone: measured together, each judged by its own bound."""

import math
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.models.backbone import PRECISIONS
from simx.report.words.names import target_name
from simx.results.schema.config import Schedule
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.results.statistics import busyness
from simx.results.statistics.parity import FP16, FP32, INT8, TF32, disagreement
from simx.results.summaries.derivation import backbones, targets
from simx.results.summaries.summary import TargetId
from simx.runner.backends.registry import backend_named
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import Target, open_targets, product, require_precisions
from tests.runner.benches import PLAN, Plan, go_on, run, small_pictures
from tests.runner.fakes import BACKBONE, entry_in, lacking, target

CPU = "CPUExecutionProvider"


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of five calls are enough to see what is in them, and no round is taken again."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)


def targets_of(kind: str) -> list[Target]:
    """Return a fake in every precision."""
    return [target(kind, precision) for precision in PRECISIONS]


def workload_in(folder: Path) -> Workload:
    """Return a backbone that has an fp32 export, the same one for int8, and none for fp16."""
    folder.mkdir()
    entry = entry_in(folder)
    failed = lacking("fp16", "verification", "cosine 0.5")
    return Workload(BACKBONE, {"fp32": entry, "int8": entry, "fp16": failed})


def plan_in(folder: Path, launches: int) -> Plan:
    """Return a short benchmark of small pictures."""
    schedule = Schedule(pilot=launches, launches=launches, rounds=1)
    return PLAN.of(schedule, small_pictures(folder))


def bench(folder: Path, kind: str, launches: int = 1) -> Report:
    """Measure a fake in every precision."""
    plan = plan_in(folder, launches)
    with open_targets(targets_of(kind)) as opened:
        return run(plan, opened, [workload_in(folder / "entry")], folder / "report.json")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A right backend in every precision."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedules, "BLOCK_SECONDS", 0.001)
        patch.setattr(launches, "REPEATS", 0)
        return bench(tmp_path_factory.mktemp("bench"), "right", launches=3)


def test_every_backend_has_the_precisions_it_computes_in() -> None:
    """Torch has no cells but those of fp32, and a note says so."""
    backends = [backend_named("torch"), backend_named("ort")]
    targets, notes = product(backends, [CPU], ["fp32", "int8"])

    assert [(each.backend.label, each.precision) for each in targets] == [
        ("torch", "fp32"),
        ("ort", "fp32"),
        ("ort", "int8"),
    ]
    assert notes == ["torch computes in fp32 only, so it has no cells in int8"]


def test_a_precision_that_nothing_computes_in_is_refused() -> None:
    """Before anything is exported or measured."""
    with pytest.raises(InputError, match=r"--precision int8: .*torch.* add --backend ort"):
        require_precisions([backend_named("torch")], ["int8"])


def test_precisions_are_measured_in_the_same_rounds(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are rows of one backbone, and the ratio to fp32 is paired."""
    # Also on a machine that other programs keep busy.
    monkeypatch.setattr(busyness, "BUSY_CORES", math.inf)
    (backbone,) = backbones(report)
    full, reduced = backbone.measured

    assert [target_name(each) for each in targets(report)] == [
        "right cpu",
        "right cpu fp16",
        "right cpu int8",
    ]
    assert full.speed_to_fp32 is None
    assert reduced.speed_to_fp32 is not None
    assert reduced.speed_to_fp32.low is not None


def test_what_was_not_made_is_a_failure_in_its_place(report: Report) -> None:
    """With the stage, the reason and a command that shows it again."""
    full, lacking, reduced = report.cells

    assert isinstance(full, MeasuredCell)
    assert isinstance(reduced, MeasuredCell)
    assert isinstance(lacking, FailedCell)
    assert (lacking.identity.precision, lacking.stage) == ("fp16", "verification")
    assert lacking.command.count("--precision fp16") == 1


def test_one_cell_of_a_backend_takes_the_canary(report: Report) -> None:
    """It is the same in any precision, and belongs to the backend and provider."""
    (canary,) = report.canary

    assert [launch.index for launch in canary.launches] == [0, 1, 2]


def test_each_precision_has_its_own_bound(tmp_path: Path) -> None:
    """Rounding that int8 may do is refused of fp32; both are in the same rounds."""
    full, lacking, reduced = bench(tmp_path, "rounded").cells

    assert isinstance(full, FailedCell)
    assert full.stage == "parity"
    assert isinstance(lacking, FailedCell)
    assert isinstance(reduced, MeasuredCell)
    assert disagreement(reduced.parity, INT8) is None


def test_the_loosest_bound_counts() -> None:
    """A target has that of its precision, or of its backend's variant."""
    ort, tf32 = backend_named("ort"), backend_named("ort:tf32")

    assert Target(ort, CPU).bounds == FP32
    assert Target(ort, CPU, "fp16").bounds == FP16
    assert Target(tf32, CPU).bounds == TF32
    assert Target(tf32, CPU, "int8").bounds == INT8


def test_a_wide_bound_lets_no_cheat_pass(tmp_path: Path) -> None:
    """Timed answers are held against the cell's own first ones, far more closely."""
    reduced = bench(tmp_path, "cached").cells[-1]

    assert isinstance(reduced, FailedCell), reduced


def test_a_resumed_run_goes_on_with_every_precision(tmp_path: Path) -> None:
    """What was not made stays a failure, and the others have all their launches."""

    def interrupt(_backbone: object, launch: int, _planned: int) -> None:
        if launch == 1:
            raise KeyboardInterrupt

    workload, plan = workload_in(tmp_path / "entry"), plan_in(tmp_path, 2)
    path = tmp_path / "report.json"
    with open_targets(targets_of("right")) as opened:
        with pytest.raises(KeyboardInterrupt):
            run(plan, opened, [workload], path, interrupt)
        full, lacking, reduced = go_on(plan, opened, [workload], path).cells

    assert isinstance(lacking, FailedCell)
    for cell in (full, reduced):
        assert isinstance(cell, MeasuredCell)
        assert {len(each.launches) for each in cell.timings if each.scope == "forward"} == {2}


def test_fp32_has_no_label() -> None:
    """Others are part of the name."""
    assert target_name(TargetId("ort", CPU)) == "ort cpu"
    assert target_name(TargetId("ort", CPU, "int8")) == "ort cpu int8"
