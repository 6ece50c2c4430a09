"""A sweep of fakes: every setting is a cell in the rounds of all, as far as the memory holds."""

from pathlib import Path

import msgspec
import pytest

from simx.models.backbone import Backbone
from simx.results.files.assembly import forward_of
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.results.summaries.counted import CountedReport
from simx.results.summaries.summary import target_of
from simx.runner.bench import admission
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import PlannedCell, Workload
from simx.runner.bench.targets import open_targets
from tests.runner.benches import PLAN, Plan, go_on, run, small_pictures
from tests.runner.fakes import BACKBONE, OWN, entry_in, target

GIB = 2**30


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of five calls are enough to see what is in them, and no round is taken again."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)


def sweep(folder: Path, batches: tuple[int, ...], counts: tuple[int, ...] = ()) -> Plan:
    """Return a plan of two launches of two rounds for these settings."""
    config = msgspec.structs.replace(
        PLAN.config,
        batch=batches[0],
        batches=batches,
        threads=counts[-1] if counts else 1,
        thread_counts=counts,
    )
    return msgspec.structs.replace(PLAN, config=config, pictures=small_pictures(folder))


def bench(folder: Path, plan: Plan, *kinds: str) -> Report:
    """Measure the fake network on one target for each kind of fake."""
    with open_targets([target(kind) for kind in kinds]) as opened:
        return run(plan, opened, [workload(folder)], folder / "report.json")


def workload(folder: Path, backbone: Backbone = BACKBONE) -> Workload:
    (folder / "entry").mkdir(exist_ok=True)
    return Workload(backbone, {"fp32": entry_in(folder / "entry")})


def rounds(cell: MeasuredCell) -> list[list[int]]:
    return [[block.round for block in launch.blocks] for launch in forward_of(cell)]


def reasons(report: Report) -> dict[int, str | None]:
    """Return why cells failed, by their batch."""
    return {
        cell.identity.batch: cell.reason if isinstance(cell, FailedCell) else None
        for cell in report.cells
    }


def test_every_setting_is_a_cell_in_the_same_rounds(tmp_path: Path) -> None:
    """The smallest batch and the most threads come first."""
    report = bench(tmp_path, sweep(tmp_path, (1, 3), (1, 2)), "right", "slow")
    names = [(its.backend, its.batch, its.threads) for its in (c.identity for c in report.cells)]

    assert names == [
        (kind, batch, threads)
        for batch in (1, 3)
        for threads in (2, 1)
        for kind in ("right", "slow")
    ]
    for cell in report.cells:
        assert isinstance(cell, MeasuredCell)
        assert rounds(cell) == [[0, 1], [0, 1]]
        assert cell.parity.relative_l2 < 5e-6


def test_a_single_value_is_one_cell_without_a_sweep(tmp_path: Path) -> None:
    """A batch alone is no sweep."""
    plan = msgspec.structs.replace(PLAN, config=msgspec.structs.replace(PLAN.config, batch=5))
    (cell,) = bench(tmp_path, plan, "right").cells

    assert isinstance(cell, MeasuredCell)
    assert (cell.identity.batch, plan.config.sweeps) == (5, False)


def test_every_picture_of_a_batch_is_compared(tmp_path: Path) -> None:
    """A backend that mixes up the pictures of a batch is right for one alone."""
    found = reasons(bench(tmp_path, sweep(tmp_path, (1, 4)), "mixing"))

    assert found[1] is None
    assert "differs from" in (found[4] or "")


def test_no_larger_batch_is_tried_after_one_that_fails(tmp_path: Path) -> None:
    """It costs time, and the machine's memory; the smaller ones stay."""
    report = bench(tmp_path, sweep(tmp_path, (1, 2, 4)), "small")

    assert reasons(report) == {
        1: None,
        2: "there is no room for a batch",
        4: "not tried, because a batch of 2 failed",
    }
    failed = [cell for cell in report.cells if isinstance(cell, FailedCell)]
    assert "--batch 2 " in failed[0].command


def test_a_batch_beyond_the_memory_is_a_failed_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its estimate, before a worker loads it; the rest is measured."""
    monkeypatch.setattr(admission, "memory_for_exports", lambda: GIB)
    found = reasons(bench(tmp_path, sweep(tmp_path, (1, 4, 2**20, 2**21)), "right"))

    assert (found[1], found[4]) == (None, None)
    assert found[2**20] is not None
    assert found[2**20].startswith("a batch of 1048576 needs about ")
    assert found[2**20].endswith(" GiB of memory, and 1.0 GiB are available")
    assert found[2**21] == "not tried, because a batch of 1048576 failed"


def test_settings_that_do_not_fit_together_have_rounds_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their targets stay together, and no two parts of a launch share a round."""
    room = 3 * admission._WORKER_BYTES
    monkeypatch.setattr(launches, "memory_for_exports", lambda: room)
    report = bench(tmp_path, sweep(tmp_path, (1, 2)), "right", "slow")
    found = [rounds(cell) for cell in report.cells if isinstance(cell, MeasuredCell)]

    assert found[0] == found[1] == [[0, 1], [0, 1]]
    assert found[2] == found[3]
    assert all(number > 1 for numbers in found[2] for number in numbers)


def test_parts_keep_the_targets_of_a_setting_together(tmp_path: Path) -> None:
    """A part is filled as long as the next setting fits; one that never fits is divided."""
    cells = [
        PlannedCell(BACKBONE, target(kind), entry_in(tmp_path), 1, batch, needed_bytes=needed * GIB)
        for batch, needed in ((1, 1), (2, 2), (4, 5))
        for kind in ("right", "slow")
    ]

    assert admission.side_by_side(cells, 6 * GIB) == [[0, 1, 2, 3], [4], [5]]
    assert admission.side_by_side(cells, 100 * GIB) == [[0, 1, 2, 3, 4, 5]]


def test_a_graph_for_one_picture_has_no_larger_batch(tmp_path: Path) -> None:
    """The cell says so, instead of having another batch than its name."""
    assert OWN.file is not None
    file = msgspec.structs.replace(OWN.file, single_picture=True)
    single = workload(tmp_path, msgspec.structs.replace(OWN, file=file))
    small, large = single.cells([target("right")], sweep(tmp_path, (1, 2)).config)

    assert isinstance(small, PlannedCell)
    assert isinstance(large, FailedCell)
    assert large.reason.startswith("its graph takes one picture in a call")


@pytest.mark.parametrize("left", [GIB, 0])
def test_an_interrupted_sweep_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """With every setting that has not failed, whatever memory is left, and each failure once."""

    def interrupt(_: Backbone, launch: int, __: int) -> None:
        if launch:
            raise KeyboardInterrupt

    plan, path = sweep(tmp_path, (1, 2, 4)), tmp_path / "report.json"
    with open_targets([target("right"), target("small")]) as opened:
        with pytest.raises(KeyboardInterrupt):
            run(plan, opened, [workload(tmp_path)], path, interrupt)
        monkeypatch.setattr(admission, "memory_for_exports", lambda: left)
        resumed = go_on(plan, opened, [workload(tmp_path)], path)
    found = {
        (cell.identity.backend, cell.identity.batch): isinstance(cell, MeasuredCell)
        and rounds(cell)
        for cell in resumed.cells
    }

    whole = [[0, 1], [0, 1]]
    assert found == {
        **{("right", batch): whole for batch in (1, 2, 4)},
        ("small", 1): whole,
        ("small", 2): False,
        ("small", 4): False,
    }


def test_the_files_of_a_batch_are_read_one_after_the_other(tmp_path: Path) -> None:
    """The pipeline of a call has as many decodings as pictures, and one call of the network."""
    report = bench(tmp_path, sweep(tmp_path, (1, 3)), "slow")
    times = {
        cell.identity.batch: backbone.times[target_of(cell.identity)]
        for backbone in CountedReport(report).backbones
        for cell in backbone.cells
    }
    decoding = {
        batch: [ns for launch in of["pipeline.decode", "anchor"] for ns in launch.blocks[0].ns]
        for batch, of in times.items()
    }

    assert decoding[3] == [3 * ns for ns in decoding[1]]
    assert times[3]["pipeline.forward", "anchor"] == times[3]["forward", None]
