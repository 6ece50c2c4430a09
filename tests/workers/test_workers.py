"""Launches answer, die and are cleaned up the same way however they were started."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from simx.workers import forking
from simx.workers.connection import Connection
from simx.workers.forking import ForkServer
from simx.workers.spawning import Spawner
from simx.workers.worker import (
    Launcher,
    ModuleMissingError,
    WorkerDiedError,
    WorkerGarbledError,
    WorkerTimeoutError,
    close_workers,
)
from tests.workers.entries import NOTES, Note

Start = Callable[[str], Launcher]

LAUNCHERS = [
    pytest.param(ForkServer, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")),
    Spawner,
]


@pytest.fixture(params=LAUNCHERS)
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Return a function that starts a launcher for one of the test entries."""
    launchers: list[Launcher] = []

    def begin(function: str) -> Launcher:
        launchers.append(request.param(f"tests.workers.entries:{function}"))
        return launchers[-1]

    yield begin
    for launcher in launchers:
        launcher.close()


def test_each_launch_is_a_process_of_its_own(start: Start) -> None:
    """Two launches answer from two processes, neither of them the parent."""
    launcher = start("echo")
    with launcher.launch() as first, launcher.launch() as second:
        answers = {worker.request(Note("hello"), NOTES, 30).text for worker in (first, second)}

    assert all(answer.startswith("hello from ") for answer in answers)
    assert len(answers) == 2
    assert not any(f"from {os.getpid()}," in answer for answer in answers)


def test_a_large_message_arrives_whole(start: Start) -> None:
    """A message far larger than the pipe's buffer survives the way there and back."""
    with start("echo").launch() as worker:
        answer = worker.request(Note("x" * 5_000_000), NOTES, 30)

    assert answer.text.startswith("x" * 5_000_000 + " from")


def test_what_a_library_prints_stays_out_of_the_messages(start: Start) -> None:
    """Output on stdout inside a worker does not disturb its answers."""
    with start("noisy").launch() as worker:
        answer = worker.request(Note("go"), NOTES, 30)

    assert answer == Note("clean")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_for_a_group_are_the_parents(start: Start, number: signal.Signals) -> None:
    """A worker goes on answering: its parent is the one that ends it."""
    with start("echo").launch() as worker:
        worker.request(Note("hello"), NOTES, 30)
        os.kill(worker.pid, number)
        answer = worker.request(Note("still there"), NOTES, 30)

    assert answer.text.startswith("still there from")


@pytest.mark.parametrize("how", ["hang", "stop"])
def test_an_interrupt_ends_workers_at_once(start: Start, how: str) -> None:
    """They are killed without a wait; a KeyboardInterrupt is not a failure of a worker."""
    launcher = start("dying")
    workers = [launcher.launch() for _ in range(3)]
    workers[0]._connection.send(Note(how))
    with pytest.raises(KeyboardInterrupt), workers[0]:
        raise KeyboardInterrupt
    close_workers(workers, at_once=True)

    assert not any(_running(worker.pid) for worker in workers)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_the_kernel_takes_a_worker_before_its_parent(start: Start) -> None:
    """When memory runs out a cell is lost, and not the run."""
    with start("echo").launch() as worker:
        worker.request(Note("hello"), NOTES, 30)
        ours, its = (
            int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in ("self", worker.pid)
        )

    assert its > ours


def test_a_limit_of_memory_is_reported(start: Start) -> None:
    """A worker that wants more than it may have ends, with the limit among the reasons."""
    launcher = start("greedy")
    if isinstance(launcher, Spawner):
        launcher = Spawner("tests.workers.entries:greedy", memory=4 * 2**30)
    else:
        launcher = ForkServer("tests.workers.entries:greedy", memory=4 * 2**30)
    with launcher, launcher.launch() as worker, pytest.raises(WorkerDiedError) as error:
        worker.request(Note("more"), NOTES, 60)

    assert "ended with exit code 1 before it answered" in str(error.value)
    assert "its address space is limited to 4.29 GB" in str(error.value)
    assert "MemoryError" in str(error.value)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("segfault", "killed by SIGSEGV"),
        (
            "exit",
            "ended with exit code 3 before it answered; its last line on stderr: out of cheese",
        ),
        ("kill", "killed by SIGKILL"),
        (
            "raise",
            "ended with exit code 1 before it answered; its last line on stderr: RuntimeError",
        ),
    ],
)
def test_a_death_is_reported_with_its_cause(start: Start, how: str, expected: str) -> None:
    """A worker that dies is reported with its signal or code, and its last line on stderr."""
    with start("dying").launch() as worker, pytest.raises(WorkerDiedError) as error:
        worker.request(Note(how), NOTES, 30)

    assert expected in str(error.value)


def test_a_hang_is_ended(start: Start) -> None:
    """A worker that does not answer in time is killed."""
    with start("dying").launch() as worker:
        with pytest.raises(WorkerTimeoutError, match="no answer within"):
            worker.request(Note("hang"), NOTES, 1.0)
        pid = worker.pid

    assert not _running(pid)


def test_an_answer_that_is_none_is_refused(start: Start) -> None:
    """It is the worker's failure, as a death is, and the worker is killed."""
    with start("dying").launch() as worker:
        with pytest.raises(WorkerGarbledError, match="gave an answer that cannot be decoded"):
            worker.request(Note("another answer"), NOTES, 30)
        pid = worker.pid

    assert not _running(pid)


@pytest.mark.parametrize("garbage", [b"\xff" * 100, (3).to_bytes(8, "big") + b"\xc1\xc1\xc1"])
def test_bytes_that_are_no_message_are_refused(garbage: bytes) -> None:
    """Neither is a length believed that no message has, nor is anything but a message decoded."""
    there, here = os.pipe()
    os.write(here, garbage)
    os.close(here)

    with pytest.raises(msgspec.DecodeError):
        Connection(there, there).receive(NOTES, 5)
    os.close(there)


def test_a_closed_worker_is_gone(start: Start) -> None:
    """Closing a worker leaves no process behind."""
    with start("echo").launch() as worker:
        pid = worker.pid
        worker.request(Note("hello"), NOTES, 30)

    assert not _running(pid)


def test_an_entry_that_cannot_be_imported_is_named(start: Start) -> None:
    """A missing module is reported with its name, at the latest when a worker is asked."""
    with (
        pytest.raises(WorkerDiedError, match="has no attribute 'nonsense'"),
        start("nonsense").launch() as worker,
    ):
        worker.request(Note("hello"), NOTES, 30)


@pytest.mark.parametrize("kind", ["forking.ForkServer", "spawning.Spawner"])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends what is in a native call")
def test_workers_die_with_a_killed_parent(tmp_path: Path, kind: str) -> None:
    """When the parent is killed outright, nothing stays, not even what no signal interrupts."""
    script = tmp_path / "parent.py"
    module, name = kind.split(".")
    script.write_text(
        "import time\n"
        f"from simx.workers.{module} import {name}\n"
        "from tests.workers.entries import NOTES, Note\n"
        f"launcher = {name}('tests.workers.entries:blocked')\n"
        "workers = [launcher.launch(), launcher.launch()]\n"
        "for worker in workers:\n"
        "    worker.request(Note('ready'), NOTES, 30)\n"
        "print('ready', flush=True)\n"
        "time.sleep(3600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()

    assert len(family) == (3 if name == "ForkServer" else 2)
    assert _all_gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can ask for it")
def test_a_process_whose_parent_is_gone_already_ends() -> None:
    """A parent that died before the kernel could be asked is noticed all the same."""
    code = (
        "from simx.workers.child_process import bind_to_parent; "
        f"bind_to_parent({os.getpid()}); print('alive')"
    )
    others = code.replace(str(os.getpid()), "1")
    outputs = [
        subprocess.run([sys.executable, "-c", each], capture_output=True, text=True, check=False)
        for each in (code, others)
    ]

    assert [done.stdout for done in outputs] == ["alive\n", ""]
    assert outputs[1].returncode == 1


def _running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _all_gone(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + 120
    while any(_running(process.pid) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("kind", [ForkServer, Spawner])
def test_a_worker_s_variables_are_those_it_is_given(
    kind: type[ForkServer | Spawner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One can be set, and one of the caller's can be taken away."""
    monkeypatch.setenv("SIMX_TEST_REMOVED", "here")
    variables = (("SIMX_TEST_SET", "yes"), ("SIMX_TEST_REMOVED", None))
    with kind("tests.workers.entries:variables", variables) as workers, workers.launch() as worker:
        answer = worker.request(Note(""), NOTES, 60.0)

    assert answer.text == "SIMX_TEST_SET=yes"


needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="Linux")


@needs_fork
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_ended_or_hangs_is_replaced(
    how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers it had are lost with it; the next launch has a server again."""
    monkeypatch.setattr(forking, "LAUNCH_SECONDS", 1.0)
    with ForkServer("tests.workers.entries:echo") as launcher:
        lost = launcher.launch()
        lost.request(Note("hello"), NOTES, 30)
        family = psutil.Process(lost.pid)
        os.kill(launcher._server._process.pid, how)
        with launcher.launch() as next_one:
            answer = next_one.request(Note("hello"), NOTES, 30)
        with lost, pytest.raises(WorkerDiedError):
            lost.request(Note("hello"), NOTES, 30)

    assert answer.text.startswith("hello from")
    assert _all_gone([family])


@needs_fork
def test_a_worker_that_kills_its_server_is_reported() -> None:
    """Without its server the end of a worker is not known, and closing it is no error."""
    with (
        ForkServer("tests.workers.entries:dying") as launcher,
        launcher.launch() as worker,
        pytest.raises(WorkerDiedError, match="lost its server, which was killed by SIGKILL"),
    ):
        worker.request(Note("server"), NOTES, 30)


@needs_fork
@pytest.mark.parametrize(
    ("statement", "kind", "expected"),
    [
        ("import no_such_package", ModuleMissingError, "No module named 'no_such_package'"),
        ("import simx.no_such_part", WorkerDiedError, "No module named 'simx.no_such_part'"),
        ("raise ImportError('cannot map')", WorkerDiedError, "ImportError: cannot map"),
        ("bytearray(1 << 62)", WorkerDiedError, "; its last line on stderr: MemoryError"),
        ("import os; os.kill(os.getpid(), 11)", WorkerDiedError, "server was killed by SIGSEGV"),
        ("raise SystemExit('no licence')", WorkerDiedError, "last line on stderr: no licence"),
    ],
)
def test_a_server_that_ends_while_it_imports_says_how(
    tmp_path: Path, statement: str, kind: type[WorkerDiedError], expected: str
) -> None:
    """Only a missing package is one; the message has the exit code or signal, and the last line."""
    (tmp_path / "runtime.py").write_text(statement)
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    with pytest.raises(WorkerDiedError) as error:
        ForkServer("runtime:main", [("PYTHONPATH", path)])

    assert type(error.value) is kind
    assert str(error.value).startswith("was not started: its server ")
    assert expected in str(error.value)


@needs_fork
@pytest.mark.parametrize("number", [errno.EACCES, errno.EAGAIN, errno.ENOMEM])
def test_a_system_that_starts_no_process_is_reported(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """With its own reason: it is a failure of the worker, and no bug."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(WorkerDiedError, match=os.strerror(number)):
        ForkServer("tests.workers.entries:echo")


@needs_fork
def test_a_limit_that_is_inherited_is_reported() -> None:
    """The server's message has the limit of this process's address space."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 50, hard))
    try:
        with pytest.raises(WorkerDiedError, match=r"its address space is limited to 1\.13e\+06 GB"):
            ForkServer("no_such_package:main")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_workers_start_in_a_deleted_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """They start in the root of the file system instead."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with start("folder").launch() as worker:
        answer = worker.request(Note(""), NOTES, 30)

    assert answer.text == "/"


@needs_fork
def test_a_server_that_does_not_come_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that hangs is ended, and says that it was."""
    monkeypatch.setattr(forking, "IMPORT_SECONDS", 0.0)
    with pytest.raises(WorkerDiedError, match="gave no answer within 0 s"):
        ForkServer("tests.workers.entries:echo")
