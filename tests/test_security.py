"""What SECURITY.md promises of the code: nothing read is run, and the network is left alone."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simx.results.files.report import write
from tests.results.builders import measured, report

PACKAGE = Path(__file__).resolve().parent.parent / "simx"
FILES = sorted(PACKAGE.rglob("*.py"))

RUNS_CODE = {"eval", "exec", "compile", "__import__"}
UNPICKLES = {
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "torch.jit.load",
    "torch.export.load",
    "torch.hub.load",
    "torch.hub.load_state_dict_from_url",
    "numpy.load",
    "np.load",
    "marshal.load",
    "marshal.loads",
    "shelve.open",
    "yaml.load",
}
"""Calls that run what a file says. ``torch.load`` is looked at by itself."""

MAY_START_PROCESSES = {
    "runner/backends/interpreters.py",
    "selfcheck/trials.py",
    "workers/forking.py",
    "workers/spawning.py",
}
MAY_ASK_THE_NETWORK = {"exporter/weights/download.py"}
NETWORK = {"urllib.request", "http.client", "socket", "requests", "ftplib", "smtplib", "asyncio"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of a file with the dotted name of what is called."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_that_is_read_is_run(path: Path) -> None:
    """No file evaluates text, unpickles, or hands anything to a shell."""
    for name, call in calls(path):
        options = {each.arg: ast.unparse(each.value) for each in call.keywords}
        line = f"{path.name}:{call.lineno}"

        assert name not in RUNS_CODE | UNPICKLES, line
        assert name not in {"os.system", "os.popen"}, line
        assert options.get("shell", "False") == "False", line
        assert "allow_pickle" not in options, line
        if name == "torch.load":
            assert options.get("weights_only") == "True", line


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_one_file_asks_the_network() -> None:
    """Whatever else talks to a socket talks to the workers of this process."""
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if imported(path) & NETWORK - {"socket", "http.client"}
    }

    assert asking == MAY_ASK_THE_NETWORK


def test_few_files_start_processes() -> None:
    """Workers, interpreters for trials, and those that the user names as an environment."""
    starting = {
        path.relative_to(PACKAGE).as_posix() for path in FILES if "subprocess" in imported(path)
    }

    assert starting == MAY_START_PROCESSES


WATCH = """
import os, sys
def watch(event, arguments):
    if event in {"socket.getaddrinfo", "socket.gethostbyname"} or (
        event in {"socket.connect", "socket.sendto"} and not isinstance(arguments[1], (str, bytes))
    ):
        with open(os.environ["SIMX_TEST_CONNECTIONS"], "a") as file:
            file.write(f"{event} {arguments[1:]}\\n")
sys.addaudithook(watch)
"""
"""Runs at the start of every interpreter, the workers' too, and notes who asks for whom."""


@pytest.mark.parametrize(
    "command",
    [
        ("models", "resnet18"),
        ("models", "--exported"),
        ("report", "a.json"),
        ("diff", "a.json", "a.json"),
        pytest.param(("doctor",), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_no_command_asks_the_network(command: tuple[str, ...], tmp_path: Path) -> None:
    """Unless a download is asked for, nobody looks a name up or connects to one."""
    write(tmp_path / "a.json", report(measured()))
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    noted = tmp_path / "connections"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-m", "simx", *command],
        env={**os.environ, "PYTHONPATH": path, "SIMX_TEST_CONNECTIONS": str(noted)},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert not noted.exists(), noted.read_text()


def test_the_watch_sees_a_connection(tmp_path: Path) -> None:
    """What the test above relies on: an attempt is noted, also where there is no network."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    noted = tmp_path / "connections"
    subprocess.run(
        [sys.executable, "-c", "import socket; socket.socket().connect(('127.0.0.1', 9))"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "SIMX_TEST_CONNECTIONS": str(noted)},
        capture_output=True,
        check=False,
    )

    assert "socket.connect" in noted.read_text()
