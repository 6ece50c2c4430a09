"""Two fakes of known times are measured in common rounds, and profiled in workers of their own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from simx.results.schema.config import Schedule
from simx.results.schema.explanation import Explanation
from simx.results.schema.kernels import Step
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.launch import Bench
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.targets import Target, started
from simx.runner.explaining import explain, profiles
from simx.runner.explaining.profiles import TargetFailedError
from simx.runner.measure.messages import Counted
from simx.workers.forking import launcher
from tests.runner.benches import small_pictures
from tests.runner.fakes import BACKBONE, entry_in, target
from tests.runner.tuning.simulated import config


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and short blocks are enough: the times differ by far."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)
    monkeypatch.setattr(explain, "EXPLAINING", Schedule(pilot=2, launches=2, rounds=2))
    # The fakes have no graph.
    monkeypatch.setattr(explain, "_work", lambda _: None)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[PictureReader]:
    with launcher(READER) as reading:
        yield PictureReader(reading, dict(small_pictures(tmp_path).files()), 60.0)


def explained(folder: Path, reader: PictureReader, *kinds: str) -> Explanation:
    return explained_targets(folder, reader, *map(target, kinds))


def explained_targets(folder: Path, reader: PictureReader, *targets: Target) -> Explanation:
    (folder / "entry").mkdir()
    workload = Workload(BACKBONE, {"fp32": entry_in(folder / "entry")})
    with ExitStack() as stack:
        starting = {each.backend.label: started(each.backend) for each in targets}
        bench = Bench(
            launchers={name: stack.enter_context(each) for name, each in starting.items()},
            reader=reader,
            schedule=explain.EXPLAINING,
            history=ReferenceWorkloadHistory(),
            only_forward=True,
        )
        return explain._explained(bench, workload, targets, config(threads=1), lambda *_: None)


def test_both_sides_are_measured_and_profiled(tmp_path: Path, reader: PictureReader) -> None:
    """The slower one is found, and its gap is the measured difference."""
    found = explained(tmp_path, reader, "right", "slow")
    fast, slow = found.sides
    [row] = found.parts

    assert found.slower == 1
    assert found.ratio is not None
    assert found.ratio.value < 0.5
    assert [side.profiled_ns for side in found.sides] == [1e4, 3e7]
    assert (row.name, row.lost, found.launches) == ("network", 1.0, 2)
    assert row.gap_ns == pytest.approx(slow.forward.median_ns - fast.forward.median_ns)


def test_rates_are_shares_of_the_best(
    tmp_path: Path, reader: PictureReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the product of matrices, and of a copy."""
    step = Step(kind="matrix products", modules=("body",), flops=9, reads={"a": 8}, writes={})
    monkeypatch.setattr(explain, "_work", lambda _: Counted((step,), 1e15))
    found = explained(tmp_path, reader, "right", "slow")
    [row], [fast, slow] = found.parts, found.parts[0].reached

    assert (row.flops, row.bytes) == (9, 8)
    assert found.ceilings is not None
    assert found.ceilings.bytes_per_second == 1e15
    assert fast is not None
    assert slow is not None
    assert 1 > fast.peak > slow.peak > 0


def test_denormal_numbers_and_page_faults_are_measured(
    tmp_path: Path, reader: PictureReader
) -> None:
    """A profile with denormal numbers flushed is compared where the backend can flush them."""
    found = explained(tmp_path, reader, "right", "denormal")
    usual, denormal = found.sides

    assert usual.flushed is None
    assert denormal.flushed is not None
    assert denormal.flushed.value == pytest.approx(3.0)
    assert denormal.flushed.launches == 2
    assert denormal.profiled_ns == 3e4
    assert all(side.page_faults is not None for side in found.sides)
    assert all(side.threads_used is not None for side in found.sides)


def test_what_gains_nothing_at_first_is_not_flushed_again(
    tmp_path: Path, reader: PictureReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further launches of a network that takes long have the usual profiles alone."""
    monkeypatch.setattr(profiles, "_CLEAR_GAIN", 3.5)
    monkeypatch.setattr(explain, "_BUDGET_SECONDS", 0.0)
    denormal = explained(tmp_path, reader, "right", "denormal").sides[1]

    assert denormal.flushed is None
    assert denormal.profiled_ns == 3e4


def test_a_side_may_be_the_other_one_that_flushes(tmp_path: Path, reader: PictureReader) -> None:
    """It is profiled once."""
    one = target("denormal")
    flushing = replace(one, backend=replace(one.backend, variants=("flush-denormals",)))
    found = explained_targets(tmp_path, reader, one, flushing)

    assert [side.profiled_ns for side in found.sides] == [3e4, 1e4]
    assert [side.flushed is None for side in found.sides] == [False, True]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("refusing", "refusing CPUExecutionProvider fp32 fails at prepare: no network for fakenet"),
        ("tunable", "tunable cannot be profiled: this backend has no profiler"),
    ],
)
def test_a_target_that_fails_is_named(
    tmp_path: Path, reader: PictureReader, kind: str, message: str
) -> None:
    """With the stage and the reason."""
    with pytest.raises(TargetFailedError, match=message):
        explained(tmp_path, reader, "right", kind)
