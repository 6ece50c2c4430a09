"""No report names a folder, a user or a host, after any failure."""

import getpass
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from simx.exporter.jobs.export import export
from simx.exporter.jobs.job import failure_of
from simx.exporter.jobs.plan import ExportPlan, NotExported, order_from_weights
from simx.exporter.store.manifest import MODEL_FILE, VERIFICATION_FILE
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import Source
from simx.exporter.weights.request import WeightsRequest
from simx.models.catalogue import load
from simx.results.schema.config import Schedule
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.schedule import Deadlines
from simx.runner.bench.targets import OpenTargets, Target
from simx.workers.forking import launcher
from simx.workers.spawning import Spawner
from simx.workers.worker import Worker, WorkerError
from tests.faults.revealing import revealing
from tests.runner.benches import PLAN, run, small_pictures
from tests.runner.fakes import BACKBONE, entry_in, target

USER, HOST = "caroline", "northwind"
REVEALING = ("configured", "refusing", "unloadable", "memory", "exiting", "late", "garbled")
STAGES = ("weights", "reference", "export", "verification", "conversion", "worker")


class Private:
    """The folders of a user, all in one whose name a report must not have."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "people" / USER
        self.store = self.home / "my exports"
        self.temporary = root / "temporary"
        for folder in (self.store, self.temporary):
            folder.mkdir(parents=True)

    def assert_absent(self, report: Report) -> None:
        """Look for each of them in the report's file."""
        text = msgspec.json.encode(report).decode()
        words = (str(self.root), "people", "my exports", "temporary/", USER, HOST)
        assert [word for word in words if word in text] == []


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Private:
    """Be another user, on another host."""
    folders = Private(tmp_path)
    monkeypatch.setenv("HOME", str(folders.home))
    monkeypatch.setenv("TORCH_HOME", str(folders.home / "torch"))
    monkeypatch.setenv("TMPDIR", str(folders.temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(folders.temporary))
    monkeypatch.setenv("LOGNAME", USER)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    return folders


@pytest.fixture
def bench(private: Private) -> Callable[..., Report]:
    """Return what measures in the private folders, with short blocks and deadlines."""
    brief = PLAN.of(Schedule(pilot=1, launches=1, rounds=1), small_pictures(private.home))
    plan = msgspec.structs.replace(brief, deadlines=Deadlines(loading=60.0, floor=1.0))

    def measure(opened: OpenTargets, workload: Workload) -> Report:
        return run(plan, opened, [workload], private.home / "report.json")

    return measure


@pytest.fixture
def launchers() -> Iterator[ExitStack]:
    """End all launchers after the test."""
    with ExitStack() as stack:
        yield stack


def opened(stack: ExitStack, *targets: Target) -> OpenTargets:
    """Start a launcher for each target, without asking whether its provider can be used."""
    started = {
        each.backend.label: stack.enter_context(launcher(each.backend.entry)) for each in targets
    }
    return OpenTargets(targets, started)


def revealing_target(kind: str) -> Target:
    """Return a target of a worker whose texts are full of names."""
    option = f"cache={Path.home()}/engine-{kind}.bin"
    backend = msgspec.structs.replace(
        target(kind).backend,
        entry=f"tests.faults.revealing:{kind}",
        takes_options=True,
        options=(option,),
    )
    return Target(backend, "CPUExecutionProvider")


def test_the_texts_of_the_fakes_do_reveal(private: Private) -> None:
    """What the reports are searched for is in the errors of the workers."""
    text = revealing("x")

    assert all(word in text for word in (str(private.home), str(private.temporary), USER, HOST))
    assert getpass.getuser() == USER


def test_failures_of_workers(
    private: Private, bench: Callable[..., Report], launchers: ExitStack
) -> None:
    """Errors of the backend and of the system, an end, a crash, a hang, no memory, nonsense."""
    targets = [*map(revealing_target, REVEALING), target("dying"), target("stuck")]
    workload = Workload(BACKBONE, {"fp32": entry_in(private.store)})
    report = bench(opened(launchers, *targets), workload)
    found = {cell.identity.backend.partition(":")[0]: cell for cell in report.cells}

    assert isinstance(found["configured"], MeasuredCell)
    assert found["configured"].settings["cache"] == "engine.bin"
    failed = [cell for cell in report.cells if isinstance(cell, FailedCell)]
    assert len(failed) == len(targets) - 1
    assert any(cell.stderr for cell in failed)
    private.assert_absent(report)


def test_a_worker_that_cannot_be_launched(private: Private, bench: Callable[..., Report]) -> None:
    """The last line of its server is in the reason."""

    class Broken(Spawner):
        def launch(self) -> Worker:
            raise WorkerError(f"was not started: {revealing('cannot import')}")

    workload = Workload(BACKBONE, {"fp32": entry_in(private.store)})
    report = bench(OpenTargets((target("right"),), {"right": Broken("nothing:main")}), workload)

    assert "cannot import" in failures(report)[0].reason
    private.assert_absent(report)


@pytest.mark.parametrize("name", [MODEL_FILE, VERIFICATION_FILE])
@pytest.mark.parametrize("damage", ["missing", "truncated", "changed", "a link"])
def test_files_of_the_store(
    private: Private, bench: Callable[..., Report], launchers: ExitStack, name: str, damage: str
) -> None:
    """The reason names the stored file without its folder."""
    entry = entry_in(private.store)
    path = private.store / name
    data = path.read_bytes()
    path.unlink()
    if damage == "a link":
        (private.store / "other").write_bytes(data)
        path.symlink_to(private.store / "other")
    elif damage != "missing":
        path.write_bytes(data[:-1] if damage == "truncated" else data[:-1] + b"\0")
    report = bench(opened(launchers, target("right")), Workload(BACKBONE, {"fp32": entry}))

    assert name in failures(report)[0].reason
    private.assert_absent(report)


@pytest.mark.parametrize("stage", STAGES)
def test_exports_that_fail(private: Private, bench: Callable[..., Report], stage: str) -> None:
    """At each stage, by an error of the system with a path and by one with a long text."""
    order = order_from_weights(BACKBONE, "pooled", Source("random"))
    for error in (
        OSError(13, "Permission denied", str(private.store / "entry" / "model.onnx")),
        RuntimeError(revealing("Unsupported operator")),
    ):
        workload = Workload(BACKBONE, {"fp32": failure_of(order, stage, error)})
        report = bench(OpenTargets((target("right"),), {}), workload)

        assert failures(report)[0].stage == stage
        private.assert_absent(report)


def test_a_download_that_fails(private: Private, bench: Callable[..., Report]) -> None:
    """It names the file, and not the folder of torch's cache."""
    backbone = next(each for each in load() if each.name == "squeezenet1_1")
    plan = ExportPlan(
        embedding="pooled",
        request=WeightsRequest("pretrained"),
        threads=1,
        mirror="http://127.0.0.1:9",
    )
    (outcome,) = export([backbone], Store(private.store), plan)
    assert isinstance(outcome, NotExported)
    workload = Workload(outcome.backbone, {"fp32": outcome})
    report = bench(OpenTargets((target("right"),), {}), workload)

    assert "squeezenet1_1" in failures(report)[0].reason
    private.assert_absent(report)


def failures(report: Report) -> list[FailedCell]:
    """Return the failed cells."""
    return [cell for cell in report.cells if isinstance(cell, FailedCell)]
