"""How the command line ends: exit codes, signals, pipes, and what a shell asks it."""

import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simx import __version__
from simx.cli import COMMANDS
from simx.common.errors import ExitCode
from simx.results.files.report import write
from tests.cli.support import Simx, run_simx, run_simx_into_a_full_stdout
from tests.results.builders import measured, report

NO_ROOM = "failed to map segment from shared object"


def test_the_version_is_told(simx: Simx) -> None:
    """``--version`` prints the package's version and nothing else happens."""
    outcome = simx("--version")

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert outcome.out.split()[-1] == __version__


def test_the_module_is_the_command(folder: Path) -> None:
    """``python -m simx`` works wherever the command does."""
    outcome = run_simx("--version", cwd=folder)

    assert (outcome.code, outcome.out.split()[-1]) == (ExitCode.DONE, __version__)


def test_the_command_alone_explains_itself(simx: Simx) -> None:
    """Without a command all of them are listed, on stderr: nothing was asked, so nothing is out."""
    outcome = simx()

    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    assert all(f"  {name} " in outcome.err for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(simx: Simx, name: str) -> None:
    """``COMMAND --help`` is a result: it goes to stdout."""
    outcome = simx(name, "--help")

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert f"{name} [OPTIONS]" in outcome.out


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGHUP, ExitCode.HUNG_UP),
    ],
)
def test_signals_end_it_with_their_code(
    simx: Simx, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: ExitCode
) -> None:
    """Being interrupted or terminated is one line and its own exit code, not a traceback."""

    def interrupted_read(_path: Path) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr("simx.results.files.report.read", interrupted_read)

    outcome = simx("report", "report.json")

    assert (outcome.code, outcome.out) == (code, "")
    assert [line[:6] for line in outcome.messages] == ["simx: "]


@pytest.mark.parametrize(("second", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_is_immediate(folder: Path, second: signal.Signals, code: int) -> None:
    """Nothing runs after it: neither what was caught, nor any clean-up."""
    program = f"""
import signal
from simx.common.signals import handle_signals
handle_signals()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("first", flush=True)
try:
    signal.raise_signal({int(second)})
finally:
    print("second", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (code, "first\n")
    assert done.stderr == "\nsimx: ended at once\n"


def test_a_signal_that_is_ignored_stays_ignored(folder: Path) -> None:
    """``nohup`` means it: a terminal that goes does not end what was started to survive it."""
    program = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from simx.common.signals import handle_signals
handle_signals()
signal.raise_signal(signal.SIGHUP)
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_a_terminal_that_is_gone_takes_nothing_along(folder: Path) -> None:
    """When it hangs up, what is still to be said goes nowhere, and the order of things is kept."""
    program = """
import os, pty, time
from simx.common.signals import exit_code_of, handle_signals
from simx.common.errors import Terminated
pid, terminal = pty.fork()
if pid == 0:
    handle_signals()
    try:
        os.write(1, b"ready")
        time.sleep(60)
    except Terminated as signalled:
        os.write(2, b"said to nobody")
        os._exit(exit_code_of(signalled.number))
assert os.read(terminal, 5) == b"ready"
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == (f"{ExitCode.HUNG_UP}\n", "")


def test_a_reader_that_has_seen_enough_is_no_failure(folder: Path) -> None:
    """A closed pipe, as ``| head`` leaves it, ends a command in silence."""
    command = [sys.executable, "-m", "simx", "models"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()

    assert (process.returncode, complaints) == (ExitCode.DONE, b"")


def test_a_full_stdout_ends_in_one_line(folder: Path) -> None:
    """A result that could not be written is an error, and no traceback."""
    outcome = run_simx_into_a_full_stdout("models", cwd=folder)

    assert outcome.code == ExitCode.SYSTEM
    assert outcome.err.splitlines() == ["simx: stdout: cannot be written (No space left on device)"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ImportError("libx.so: cannot map", name="numpy"),
            "numpy cannot be imported (libx.so: cannot map); its address space is limited to",
        ),
        (
            ImportError(f"libx.so: {NO_ROOM}", name="numpy"),
            "out of memory; its address space is limited to 1.13e+06 GB; close",
        ),
        (MemoryError(), "out of memory; its address space is limited to 1.13e+06 GB; close"),
        (PermissionError(errno.EACCES, "not allowed", "/x"), "/x: not allowed; choose a place"),
    ],
)
def test_a_refusal_of_the_system_is_no_bug(
    simx: Simx, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """One line has the reason, and for memory and libraries the limit of the address space."""

    def read(_path: Path) -> None:
        raise error

    monkeypatch.setattr("simx.results.files.report.read", read)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 50, 1 << 50))
    outcome = simx("report", "report.json")

    assert (outcome.code, outcome.out) == (ExitCode.SYSTEM, "")
    assert outcome.err.startswith(f"simx: {message}")
    assert len(outcome.messages) == 1


def test_a_library_that_may_not_be_executed_is_no_lack_of_memory(
    simx: Simx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C library has the same words for a folder that is mounted so; there is no limit then."""

    def read(_path: Path) -> None:
        raise ImportError(f"libx.so: {NO_ROOM}", name="numpy")

    monkeypatch.setattr("simx.results.files.report.read", read)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)

    assert simx("report", "report.json").err == (
        f"simx: numpy cannot be imported (libx.so: {NO_ROOM})\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(folder: Path, shell: str) -> None:
    """What the documentation lets a shell evaluate defines a completion for ``simx``."""
    program = "from simx.cli import main; import sys; sys.argv = ['simx']; main()"
    outcome = run_simx(
        cwd=folder,
        variables={"_SIMX_COMPLETE": f"{shell}_source"},
        python=(sys.executable, "-c", program),
    )

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert f"_SIMX_COMPLETE={shell}_complete" in outcome.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["simx", "mo"], ["models"]),
        (["simx", "bench", "--prof"], ["--profile"]),
        (["simx", "bench", "--profile", "p"], ["precise"]),
        (["simx", "export", "squeeze"], ["squeezenet1_0", "squeezenet1_1"]),
        (["simx", "bench", "--backend", "o"], ["ort", "ort@vino", "openvino", "openvino@vino"]),
    ],
)
def test_what_was_begun_is_completed(
    simx: Simx,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: list[str],
    offered: list[str],
) -> None:
    """Commands, options, choices, backbones and backends are completed."""
    (folder / "simx.toml").write_text('[environments]\nvino = "venv"\n')
    monkeypatch.setenv("_SIMX_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(typed))
    monkeypatch.setenv("COMP_CWORD", str(len(typed) - 1))

    outcome = simx()

    assert outcome.out.split() == [f"plain,{word}" for word in offered]


def test_a_variable_called_simx_version_means_nothing(
    simx: Simx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images and build scripts use that name for a version; it is no option of simx."""
    monkeypatch.setenv("SIMX_VERSION", "1.2.3")

    assert simx("models", "resnet18").code == ExitCode.DONE


def test_messages_about_odd_names_stay_one_line(simx: Simx, folder: Path) -> None:
    """A line break in a file's name does not break the message in two."""
    write(folder / "a\nb.json", report(measured()))

    outcome = simx("report", "a\nb.json", "c\nd.json")

    assert outcome.code == ExitCode.USAGE
    assert len(outcome.err.splitlines()) == 1
