"""A search with workers: fakes of known times, measured in launches as of a benchmark."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from simx.exporter.jobs.plan import NotExported
from simx.exporter.store.entry import Entry
from simx.models.backbone import Precision
from simx.results.schema.config import Aim, Goal, Schedule
from simx.results.schema.tuning import TunedModel
from simx.runner.backends.registry import Variant
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.targets import Target
from simx.runner.tuning import code, search
from simx.runner.tuning.search import Search
from simx.workers.forking import launcher
from tests.runner.benches import small_pictures
from tests.runner.fakes import BACKBONE, entry_in, lacking, target
from tests.runner.tuning.simulated import MemoryJournal, config


@pytest.fixture(autouse=True)
def _code_for_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake's code is written as ONNX Runtime's."""
    monkeypatch.setitem(code._WRITERS, "tunable", code._ort)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and short blocks are enough: the times differ by far."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)
    monkeypatch.setattr(search, "SEARCHING", Schedule(pilot=1, launches=1, rounds=2))
    confirming = Schedule(pilot=1, launches=4, rounds=2)
    monkeypatch.setattr(search, "CONFIRMING", confirming)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[PictureReader]:
    with launcher(READER) as reading:
        yield PictureReader(reading, dict(small_pictures(tmp_path).files()), 60.0)


def tunable(*variants: str, precision: Precision = "fp32") -> Target:
    plain = target("tunable", precision)
    known = tuple(Variant(name=name, meaning="") for name in variants)
    return msgspec.structs.replace(
        plain, backend=msgspec.structs.replace(plain.backend, known_variants=known)
    )


def workload(folder: Path, failed: NotExported | None = None) -> Workload:
    (folder / "entry").mkdir()
    exports: dict[Precision, Entry | NotExported] = {"fp32": entry_in(folder / "entry")}
    if failed is not None:
        exports["int8"] = failed
    return Workload(BACKBONE, exports)


def tuned(
    of: Workload, reader: PictureReader, *targets: Target, goal: Goal = "latency", threads: int = 1
) -> TunedModel:
    one = Search(
        workload=of,
        targets=targets,
        config=config(threads=threads),
        aim=Aim(goal=goal),
        reader=reader,
        journal=MemoryJournal(),
        progress=lambda *_: None,
    )
    return one.found()


def test_a_better_setting_is_found_and_confirmed(tmp_path: Path, reader: PictureReader) -> None:
    """What computes something else is out, with the reason of its parity."""
    found = tuned(workload(tmp_path), reader, tunable("quick", "wrong"))
    [out] = found.out

    assert found.problem == ""
    assert found.winner is not None
    assert found.default is not None
    assert (found.winner.backend, found.default.backend) == ("tunable:quick", "tunable")
    assert found.gain is not None
    assert found.gain.value > 2
    assert out.settings.backend == "tunable:wrong"
    assert "the embedding differs from torch's" in out.reason
    assert found.code


def test_a_precision_that_was_not_exported_is_out(tmp_path: Path, reader: PictureReader) -> None:
    """The others are searched."""
    failed = lacking("int8", "export", "no room for it")
    targets = tunable("quick"), tunable("quick", precision="int8")
    found = tuned(workload(tmp_path, failed), reader, *targets)

    assert [(each.settings.precision, each.reason) for each in found.out] == [
        ("int8", "no room for it")
    ]
    assert found.winner is not None
    assert found.winner.backend == "tunable:quick"


def test_more_threads_than_stated_are_no_gain(tmp_path: Path, reader: PictureReader) -> None:
    """They are counted before the gain is measured."""
    found = tuned(workload(tmp_path), reader, tunable("greedy"))

    assert found.best is None
    assert found.problem.startswith("tunable:greedy won the search, and failed after it: ")
    assert "threads" in found.problem
