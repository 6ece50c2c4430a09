"""A disk that fails: whatever it refuses, what was there is there, and the exit code says so."""

import errno
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

import simx.cli
from simx.common.errors import ExitCode
from simx.exporter.jobs import from_weights, job
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.plan import REPLIES, ExportDone, ExportRequest, NotExported
from simx.exporter.store.manifest import Verified
from simx.exporter.store.output_manifest import OUTPUT_MANIFEST_FILE, read_output_manifest
from simx.exporter.store.store import Store
from simx.exporter.weights.file_reading import FileReading
from simx.results.files.journal import journal_path, read_journal
from simx.results.files.report import read, write
from simx.results.schema.config import Schedule
from simx.results.schema.report import Parity
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import OpenTargets, open_targets
from tests.faults.faulty_disk import FaultyDisk
from tests.results.builders import measured, report
from tests.runner.benches import PLAN, run, small_pictures
from tests.runner.fakes import BACKBONE, entry_in, target

ERRORS = (errno.ENOSPC, errno.EIO, errno.EINTR, errno.EDQUOT)
MOUNT, UNMOUNT = "/bin/mount", "/bin/umount"
Often = Callable[[int, int], int]
Counted = Callable[[str], None]


def simx_exits(*args: str) -> int:
    """Run a command in this process, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["simx", *args])
        with pytest.raises(SystemExit) as ended:
            simx.cli.main()
    code = ended.value.code or ExitCode.DONE
    assert isinstance(code, int)
    return code


def as_command(action: Callable[[], object]) -> int:
    """Run something as if it were a command, and return the exit code of its errors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simx.cli.cli, "main", lambda **_: action() and ExitCode.DONE)
        return simx_exits()


class Trial:
    """Something that writes, in a folder of its own, tried with each of its calls failing once."""

    def __init__(self, run: Callable[[Path], int], prepare: Callable[[Path], None]) -> None:
        self._run = run
        self._prepare = prepare

    def count(self, folder: Path) -> list[str]:
        """Run it on a sound disk, and return the calls it makes."""
        disk, code = self._on(FaultyDisk(), folder)

        assert code == ExitCode.DONE
        return disk.calls

    def fail(self, folder: Path, call: int, error: int) -> tuple[str, int]:
        """Run it with one call failing, and return which that was and the exit code."""
        disk, code = self._on(FaultyDisk(call, error), folder)

        assert len(disk.calls) > call, "the call was never made"
        return disk.calls[call], code

    def _on(self, disk: FaultyDisk, folder: Path) -> tuple[FaultyDisk, int]:
        folder.mkdir()
        self._prepare(folder)
        with pytest.MonkeyPatch.context() as patch:
            disk.install(patch)
            code = self._run(folder)
        return disk, code


def faults(calls: int, often: Often) -> list[tuple[int, int]]:
    """Return which calls fail with what: in the short form a few of them, each of one error."""
    every = [(call, error) for call in range(calls) for error in ERRORS]
    wanted = often(8, len(every))
    return every if wanted == len(every) else every[:: max(1, len(every) // wanted)]


def goes_on(call: str, error: int, code: int) -> bool:
    """Whether it was done all the same, which only three refusals may lead to.

    Python itself tries a file's interrupted write again; makes a temporary file in another way
    where the disk has no nameless ones; and does not mind that a folder which is there cannot be
    made.
    """
    name, _, target = call.partition(" ")
    is_harmless = (
        (name == "write" and error == errno.EINTR)
        or (name == "open" and target == tempfile.gettempdir())
        or (name == "mkdir" and Path(target).is_dir())
    )
    if code == ExitCode.DONE and is_harmless:
        return True
    assert code == ExitCode.SYSTEM, call
    return False


def check_line(capsys: pytest.CaptureFixture[str], call: str) -> None:
    """What went wrong is told in one line, and no progress is in it."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("simx: ")]

    assert len(lines) == 1, (call, lines)
    assert any(os.strerror(error) in lines[0] for error in ERRORS), (call, lines)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Reports that are rendered and compared.


def prepare_outputs(folder: Path) -> None:
    write(folder / "a.json", report(measured()))
    write(folder / "b.json", report(measured()))
    (folder / "out").write_bytes(b"old")


@pytest.mark.parametrize(
    "command",
    [
        ("report", "a.json", "--format", "markdown"),
        ("report", "a.json", "--format", "html"),
        ("report", "a.json", "--format", "json"),
        ("report", "--schema"),
        ("diff", "a.json", "b.json", "--format", "markdown"),
        ("models", "resnet18", "--format", "csv"),
    ],
    ids=" ".join,
)
def test_an_output_is_the_old_or_the_new(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    counted: Counted,
) -> None:
    """Every call of a command with ``-o`` fails once: exit code 5, one line, nothing is left."""

    def run(folder: Path) -> int:
        monkeypatch.chdir(folder)
        return simx_exits(
            *command, "-o", "out", "--force", *(("--store", "s") if "models" in command else ())
        )

    trial = Trial(run, prepare_outputs)
    calls = trial.count(tmp_path / "sound")
    new = (tmp_path / "sound" / "out").read_bytes()
    capsys.readouterr()
    for call, error in ((call, error) for call in range(len(calls)) for error in ERRORS):
        folder = tmp_path / f"{call}-{error}"
        name, code = trial.fail(folder, call, error)

        if goes_on(name, error, code):
            assert (folder / "out").read_bytes() == new
            continue
        check_line(capsys, name)
        assert (folder / "out").read_bytes() in {b"old", new}
        assert names(folder) == {"a.json", "b.json", "out"}
    assert len(calls) >= 4
    counted(f"disk: {len(calls) * len(ERRORS)} failures of {command[0]} {command[-1]} -o")


# A benchmark.


@pytest.fixture(scope="module")
def opened() -> Iterator[OpenTargets]:
    with open_targets([target("right")]) as targets:
        yield targets


def test_a_bench_loses_no_report(
    tmp_path: Path,
    opened: OpenTargets,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    often: Often,
    counted: Counted,
) -> None:
    """The report that was there, or the new one, can be read; so can the journal, if it stays."""
    monkeypatch.setattr(schedules, "BLOCK_SECONDS", 0.001)
    monkeypatch.setattr(launches, "REPEATS", 0)
    schedule = Schedule(pilot=2, launches=2, rounds=1, seed=3)
    plan = PLAN.of(schedule, small_pictures(tmp_path))

    def prepare(folder: Path) -> None:
        write(folder / "report.json", report(measured()))
        (folder / "entry").mkdir()
        entry_in(folder / "entry")

    def bench(folder: Path) -> int:
        workload = Workload(BACKBONE, {"fp32": entry})
        return as_command(lambda: run(plan, opened, [workload], folder / "report.json"))

    (tmp_path / "entry").mkdir()
    entry = entry_in(tmp_path / "entry")
    trial = Trial(bench, prepare)
    calls = trial.count(tmp_path / "sound")
    capsys.readouterr()
    tried = faults(len(calls), often)
    for call, error in tried:
        folder = tmp_path / f"{call}-{error}"
        name, code = trial.fail(folder, call, error)

        if goes_on(name, error, code):
            continue
        check_line(capsys, name)
        assert read(folder / "report.json").cells
        journal = journal_path(folder / "report.json")
        assert names(folder) - {journal.name} == {"report.json", "entry"}
        assert not journal.exists() or read_journal(journal)
    assert len(calls) > 10
    counted(f"disk: {len(tried)} failures of a bench, which makes {len(calls)} calls")


# An export.


class OneReply:
    """A connection to this very process."""

    def __init__(self, request: ExportRequest) -> None:
        self._requests = [request]
        self.sent: bytes = b""

    def receive(self, _decoder: object) -> ExportRequest:
        if not self._requests:
            raise EOFError
        return self._requests.pop()

    def send(self, message: msgspec.Struct) -> None:
        self.sent = msgspec.msgpack.encode(message)


def run_here(_self: object, request: ExportRequest) -> ExportDone | NotExported:
    """Do a worker's job in this process, where its disk can be made to fail."""
    connection = OneReply(request)
    from_weights.main(connection)  # type: ignore[arg-type]  # as much of a connection as it needs
    reply: ExportDone | NotExported = REPLIES.decode(connection.sent)
    return reply


def without_the_work(patch: pytest.MonkeyPatch) -> None:
    """Leave of an export what it writes: weights, verification and graph are small."""
    tiny = {"w": torch.ones(3)}
    embeddings = np.ones((4, 512), dtype=np.float32)
    verified = Verified(
        parity=Parity(cosine=1.0, relative_l2=0.0),
        verified_batches=(1, 4),
        margin=0.0,
        reference_margin=0.0,
    )
    patch.setattr(ExportWorkers, "run", run_here)
    patch.setattr(from_weights, "load", lambda *_: (tiny, FileReading()))
    patch.setattr(from_weights, "_headless", lambda *_: torch.nn.Identity())
    patch.setattr(from_weights, "_embed", lambda *_: embeddings)
    patch.setattr(
        from_weights, "export_graph", lambda _body, _crop, path: path.write_bytes(b"graph")
    )
    patch.setattr(job, "verify_export", lambda *_: verified)


def test_an_export_leaves_the_store_as_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    often: Often,
    counted: Counted,
) -> None:
    """Entries are whole or absent, the ones that were there are sound, nothing unfinished stays.

    The same goes for plain files in a folder.
    """
    without_the_work(monkeypatch)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))

    def export(folder: Path, name: str) -> int:
        store = str(folder / "store")
        out = ("--format", "json", "-o", str(folder / "out"))
        return simx_exits("export", name, "--weights", "random", "--store", store, *out)

    def prepare(folder: Path) -> None:
        assert export(folder, "resnet18") == ExitCode.DONE

    trial = Trial(lambda folder: export(folder, "resnet34"), prepare)
    calls = trial.count(tmp_path / "sound")
    tried = faults(len(calls), lambda _short, long: often(30, long))
    for call, error in tried:
        folder = tmp_path / f"{call}-{error}"
        capsys.readouterr()
        name, code = trial.fail(folder, call, error)
        store = Store(folder / "store")
        models = {entry.manifest.identity.model for entry in store.entries()}

        if goes_on(name, error, code):
            assert models == {"resnet18", "resnet34"}
            continue
        check_line(capsys, name)
        assert all(entry.damage() is None for entry in store.entries()), name
        assert {"resnet18"} <= models <= {"resnet18", "resnet34"}
        assert list((store.root / "unfinished").iterdir()) == [], name
        plain = {path.name for path in (folder / "out").iterdir()}
        assert {"resnet18.onnx", OUTPUT_MANIFEST_FILE} <= plain, name
        assert plain <= {"resnet18.onnx", "resnet34.onnx", OUTPUT_MANIFEST_FILE}, name
        owned = read_output_manifest(folder / "out" / OUTPUT_MANIFEST_FILE).owned
        assert plain - {OUTPUT_MANIFEST_FILE} <= owned, name
        assert all((folder / "out" / file).read_bytes() == b"graph" for file in plain & owned)
    assert len(calls) > 20
    counted(f"disk: {len(tried)} failures of an export, which makes {len(calls)} calls")


# Disks that are really full.


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of so many bytes, where that is allowed."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run([MOUNT, *options], check=False, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run([UNMOUNT, str(folder)], check=True)


def run_simx(*args: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, whose files may get no larger than a limit."""

    def confine() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # A measurement of the tests' coverage would write files of its own.
    variables = {name: of for name, of in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, "-m", "simx", *args],
        capture_output=True,
        text=True,
        check=False,
        env=variables,
        preexec_fn=confine,
    )


def test_a_full_disk_keeps_the_old_output(tmp_path: Path, counted: Counted) -> None:
    """The system's own refusal, and not only one that is made up, ends as it should."""
    write(tmp_path / "a.json", report(measured()))
    with small_disk(tmp_path / "small", 64 * 1024) as folder:
        (folder / "out").write_bytes(b"old")
        (folder / "filling").write_bytes(b"x" * 48 * 1024)
        ended = run_simx(
            "report",
            str(tmp_path / "a.json"),
            "--format",
            "html",
            "-o",
            str(folder / "out"),
            "--force",
        )

        assert ended.returncode == ExitCode.SYSTEM
        assert "No space left on device" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        assert (folder / "out").read_bytes() == b"old"
        assert names(folder) == {"out", "filling"}
    counted("disk: a file system that is really full")


def test_a_file_that_may_not_grow_keeps_the_old_output(tmp_path: Path) -> None:
    """The limit on the size of a file is met in the middle of writing it."""
    write(tmp_path / "a.json", report(measured()))
    (tmp_path / "out").write_bytes(b"old")
    path = str(tmp_path / "a.json")
    command = ("report", path, "--format", "html", "-o", str(tmp_path / "out"), "--force")
    ended = run_simx(*command, limit=20_000)

    assert ended.returncode == ExitCode.SYSTEM
    assert "File too large" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert (tmp_path / "out").read_bytes() == b"old"
    assert names(tmp_path) == {"a.json", "out"}
