"""Environments that are alike are measured alike: started, placed, warmed and asked the same."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone
from simx.results.schema.config import Schedule
from simx.runner.backends.registry import backend_named
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import OpenTargets, Target, open_targets
from simx.workers.worker import Launcher, Worker
from tests.runner.benches import PLAN, run, small_pictures
from tests.runner.environments import environment_with
from tests.runner.fakes import BACKBONE, entry_in, target

CPU = "CPUExecutionProvider"
_STEPS = ("Launch", "Prepare", "WarmUp", "Measure")
_STATUS = (
    "Cpus_allowed_list",
    "Mems_allowed_list",
    "Seccomp",
    "SpeculationNoBarrier",
    "THP_enable",
)
"""What ``/proc/PID/status`` has of a process's place and speed."""


class Seen(msgspec.Struct, frozen=True):
    """What all targets' workers were sent, in order, and under which conditions they ran."""

    requests: list[tuple[str, int, tuple[object, ...]]] = []
    conditions: dict[int, tuple[object, ...]] = {}
    labels: dict[int, str] = {}

    def of(self, label: str) -> list[tuple[object, ...]]:
        """Return a target's requests, in an order of their own."""
        return sorted((what for each, _, what in self.requests if each == label), key=repr)

    def firsts(self, kind: str) -> set[str]:
        """Return the targets whose worker was the first to get a request of a kind."""
        found: dict[int, str] = {}
        launch, pids = 0, set[int]()
        for label, pid, what in self.requests:
            if what[0] == kind:
                launch += pid not in pids and len(pids) % 2 == 0
                pids.add(pid)
                found.setdefault(launch, label)
        return set(found.values())


class _Noting(Launcher):
    """Notes which target each worker is of."""

    def __init__(self, label: str, launcher: Launcher, seen: Seen) -> None:
        self._label, self._launcher, self._seen = label, launcher, seen

    def launch(self) -> Worker:
        worker = self._launcher.launch()
        self._seen.labels[worker.pid] = self._label
        self._seen.requests.append((self._label, worker.pid, ("Launch",)))
        return worker

    def close(self) -> None:
        self._launcher.close()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Seen]:
    """Run a benchmark of short blocks, and return what its workers saw."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)

    def measure(targets: Sequence[Target], workload: Workload, schedule: Schedule) -> Seen:
        seen = Seen()
        request = Worker.request

        def watched(worker: Worker, message: msgspec.Struct, *others: Any) -> Any:
            answer = request(worker, message, *others)
            if label := seen.labels.get(worker.pid):
                seen.requests.append((label, worker.pid, _named(message)))
                seen.conditions.setdefault(worker.pid, conditions(worker.pid))
            return answer

        monkeypatch.setattr(Worker, "request", watched)
        with open_targets(targets) as opened:
            noting: dict[str, Launcher] = {
                label: _Noting(label, launcher, seen)
                for label, launcher in opened.launchers.items()
            }
            plan = PLAN.of(schedule, small_pictures(tmp_path))
            run(plan, OpenTargets(opened.targets, noting), [workload], tmp_path / "report.json")
        return seen

    return measure


def _named(message: msgspec.Struct) -> tuple[object, ...]:
    fields = (getattr(message, name, None) for name in ("scope", "image", "round"))
    return (type(message).__name__, *fields)


def conditions(pid: int) -> tuple[object, ...]:
    """Return all that is set for a process from outside, but for its interpreter."""
    process = Path(f"/proc/{pid}")
    _, *command = (process / "cmdline").read_bytes().split(b"\0")
    # The number of the server's control socket.
    del command[command.index(b"simx.workers.server") + 2]
    status = (process / "status").read_text(encoding="utf-8").splitlines()
    return (
        command,
        sorted((process / "environ").read_bytes().split(b"\0")),
        [line for line in status if line.startswith(_STATUS)],
        [
            (process / name).read_text(encoding="utf-8")
            for name in ("cgroup", "limits", "oom_score_adj", "personality")
        ],
        (os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid)),
        (process / "cwd").readlink(),
    )


def test_workers_of_another_environment_have_the_same_conditions(
    backbone: Backbone,
    entry: Entry,
    tmp_path: Path,
    measured: Callable[..., Seen],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Command, variables, processors, priority, limits and requests are those of this one."""
    # Other tests find their fakes by it; it is the one variable that stays here.
    monkeypatch.delenv("PYTHONPATH")
    needed = ("onnxruntime", "numpy", "msgspec")
    one, other = (environment_with(tmp_path / name, *needed) for name in ("one", "other"))
    names = "ort", f"one=ort@{one}", f"other=ort@{other}"
    targets = [Target(backend_named(name), CPU) for name in names]
    schedule = Schedule(pilot=2, launches=2, rounds=2)
    seen = measured(targets, Workload(backbone, {"fp32": entry}), schedule)
    here = next(iter(seen.conditions.values()))

    assert {*seen.labels.values()} == {"ort", "one", "other"}
    assert [each for each in seen.conditions.values() if each != here] == []
    assert seen.of("ort") == seen.of("one") == seen.of("other")
    assert ("WarmUp", None, None, None) in seen.of("one")


def test_no_target_is_always_the_first(tmp_path: Path, measured: Callable[..., Seen]) -> None:
    """Which worker is started, loaded, warmed and measured first is drawn for each launch."""
    (tmp_path / "entry").mkdir()
    workload = Workload(BACKBONE, {"fp32": entry_in(tmp_path / "entry")})
    schedule = Schedule(pilot=6, launches=6, rounds=1)
    seen = measured([target("right"), target("precise")], workload, schedule)
    both = {"right", "precise"}

    assert {kind: seen.firsts(kind) for kind in _STEPS} == dict.fromkeys(_STEPS, both)
