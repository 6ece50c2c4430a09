"""Launches answer, die and are cleaned up the same way however they were started."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from simx.workers.connection import Connection
from simx.workers.launchers import ForkServer, Spawner
from simx.workers.worker import Launcher, WorkerDiedError, WorkerGarbledError, WorkerTimeoutError
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


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("segfault", "killed by SIGSEGV"),
        ("exit", "ended with exit code 3 before it answered; its last words: out of cheese"),
        ("raise", "ended with exit code 1 before it answered; its last words: RuntimeError"),
    ],
)
def test_a_death_is_told_with_its_cause(start: Start, how: str, expected: str) -> None:
    """A worker that dies instead of answering is reported with signal or code and last words."""
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
        with pytest.raises(WorkerGarbledError, match="gave an answer that is none"):
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
    with pytest.raises(WorkerDiedError, match="has no attribute 'nonsense'"):
        start("nonsense").launch().request(Note("hello"), NOTES, 30)


def test_workers_die_with_a_killed_parent(tmp_path: Path) -> None:
    """When the parent is killed outright, neither server nor worker stays."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from simx.workers.launchers import launcher\n"
        "from tests.workers.entries import NOTES, Note\n"
        "worker = launcher('tests.workers.entries:echo').launch()\n"
        "print(worker.request(Note('ready'), NOTES, 30).text, flush=True)\n"
        "time.sleep(3600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    family = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.wait()

    assert len(family) == 2
    assert _all_gone(family)


def _running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _all_gone(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + 20
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
