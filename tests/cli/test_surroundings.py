"""Commands give the same results under any locale, without streams, a home or a folder."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from simx.cli import COMMANDS
from simx.common.errors import ExitCode
from simx.results.files.report import write
from tests.cli.support import isolated
from tests.results.builders import identity, measured, report

_MODULE = (sys.executable, "-m", "simx")

_NOBODY = """
import pwd
def getpwuid(number):
    raise KeyError(number)
pwd.getpwuid = getpwuid
from simx.cli import main
main()
"""
"""simx for a user id without an entry in the password file."""

_RESULTS = [
    ("models", "resnet18", "--format", "csv"),
    *(("report", "new.json", "--format", form) for form in ("markdown", "csv", "json", "html")),
    ("report", "--schema"),
    *(("diff", "base.json", "new.json", "--format", form) for form in ("markdown", "csv", "json")),
]
"""Commands whose output is read by programs."""

_SHOWN = [
    ("--help",),
    *((command, "--help") for command in COMMANDS),
    ("models",),
    ("report", "new.json", "--detail"),
    ("diff", "base.json", "new.json"),
]
"""Commands whose output is read by people."""

_LOCALES = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; what it wrote is in bytes."""

    code: int
    out: bytes
    err: bytes


Run = Callable[..., Ended]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two reports."""
    found = tmp_path_factory.mktemp("place")
    both = report(measured(), measured(identity(backend="ort")))
    for name, created in (("base", "2026-01-05T12:00:00Z"), ("new", "2026-01-06T12:00:00Z")):
        write(found / f"{name}.json", msgspec.structs.replace(both, created=created))
    return found


@pytest.fixture(scope="session")
def run(place: Path) -> Run:
    """Return a function that runs simx with other variables, started in its own way."""
    found: dict[object, Ended] = {}

    def run_once(
        *arguments: str,
        variables: dict[str, str | None] | None = None,
        by: tuple[str, ...] = _MODULE,
        cwd: Path = place,
    ) -> Ended:
        settings = {"PYTHONIOENCODING": None, "PYTHONUTF8": "1", **(variables or {})}
        settings = {**isolated(place), "COLUMNS": "150", **settings}
        key = (arguments, tuple(settings.items()), by, cwd)
        if key not in found:
            merged = {**os.environ, **settings}
            done = subprocess.run(
                [*by, *arguments],
                env={name: value for name, value in merged.items() if value is not None},
                cwd=cwd,
                capture_output=True,
                check=False,
            )
            found[key] = Ended(done.returncode, done.stdout, done.stderr)
        return found[key]

    return run_once


@pytest.mark.parametrize("locale", _LOCALES)
@pytest.mark.parametrize("arguments", _RESULTS, ids=" ".join)
def test_results_for_programs_are_utf_8(run: Run, arguments: tuple[str, ...], locale: str) -> None:
    """In a pipe they are the same bytes under every locale."""
    usual, other = run(*arguments), run(*arguments, variables=_LOCALES[locale])

    assert usual.code in {ExitCode.DONE, ExitCode.INCONCLUSIVE}
    assert other == usual
    assert usual.out.decode("utf-8")


@pytest.mark.parametrize("locale", _LOCALES)
@pytest.mark.parametrize("arguments", _SHOWN, ids=" ".join)
def test_what_people_read_is_spelt_in_ascii(
    run: Run, arguments: tuple[str, ...], locale: str
) -> None:
    """Nothing becomes a question mark where the terminal lacks a sign, and no line gets longer."""
    usual, other = run(*arguments), run(*arguments, variables=_LOCALES[locale])
    signs = usual.out.decode("utf-8")
    text = other.out.decode("ascii")

    assert (other.code, other.err) == (usual.code, b"")
    assert text.count("?") == signs.count("?")
    assert max(map(len, text.splitlines())) <= max(150, *map(len, signs.splitlines()))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", [_RESULTS[1], _SHOWN[-1], ("models",)], ids=" ".join)
def test_closed_streams_are_no_trouble(run: Run, arguments: tuple[str, ...], closed: str) -> None:
    """What is written to them goes nowhere, and all else is as usual."""
    usual = run(*arguments)
    other = run(*arguments, by=("sh", "-c", f'exec "$@" {closed}', "sh", *_MODULE))

    assert (other.code, other.err) == (usual.code, b"")
    assert other.out == (b"" if " >" in f" {closed}" else usual.out)


@pytest.mark.parametrize("surroundings", ["closed streams", "a deleted folder", "no home"])
def test_the_doctor_finds_torch(run: Run, tmp_path: Path, surroundings: str) -> None:
    """Workers start, and compute: none of this is torch's fault."""
    by: tuple[str, ...] = _MODULE
    variables: dict[str, str | None] = {}
    output = str(tmp_path / "found.txt")
    match surroundings:
        case "closed streams":
            by = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *_MODULE)
        case "a deleted folder":
            by = ("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh", *_MODULE)
        case _:
            by = (sys.executable, "-c", _NOBODY)
            variables = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"))
    ended = run("doctor", "-o", output, variables=variables, by=by, cwd=tmp_path)
    text = " ".join(Path(output).read_text(encoding="utf-8").split())

    assert ended == Ended(ExitCode.DONE, b"", b"")
    assert re.search(r"\b(\d+)/\1 cpu\b", text)
    assert "no graph; computed" in text
    assert (
        "name a folder for the exports with --store or SIMX_STORE" in " ".join(text.split())
    ) == (surroundings == "no home")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("models",), "--store or SIMX_STORE"),
        (("export", "resnet18"), "--store or SIMX_STORE"),
        (("export", "--prune"), "--store or SIMX_STORE"),
        (("bench", "resnet18", "-o", "r.json"), "--store or SIMX_STORE"),
        (("bench", "resnet18", "--store", "store"), "with -o"),
        (
            ("export", "squeezenet1_1", "--weights", "pretrained", "--store", "store"),
            "set TORCH_HOME",
        ),
    ],
)
def test_a_user_without_a_home_is_asked_for_a_folder(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    """In one line that names the option or the variable. Nothing is put elsewhere."""
    unset = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TORCH_HOME"))
    ended = run(*arguments, variables=unset, by=(sys.executable, "-c", _NOBODY), cwd=tmp_path)
    message = ended.err.decode()

    assert (ended.code, ended.out) == (ExitCode.USAGE, b"")
    assert " has no home folder that it may write to (HOME is not set); " in message
    assert named in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("arguments", _SHOWN[: len(COMMANDS) + 1], ids=" ".join)
def test_help_needs_no_docstrings(run: Run, arguments: tuple[str, ...]) -> None:
    """``python -OO`` leaves them out."""
    assert run(*arguments, by=(sys.executable, "-OO", "-m", "simx")) == run(*arguments)


@pytest.mark.parametrize("name", ["click", "json", "msgspec", "numpy", "rich", "tempfile"])
def test_a_file_named_like_a_library_is_not_imported(
    run: Run, place: Path, tmp_path: Path, name: str
) -> None:
    """``python -m simx`` takes nothing from the current folder."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')\n")
    arguments = ("report", str(place / "new.json"))

    assert run(*arguments, cwd=tmp_path) == run(*arguments)


def test_a_relative_path_in_a_deleted_folder_is_explained(run: Run, tmp_path: Path) -> None:
    """The message is about the folder; it is no bug of simx."""
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    by = ("sh", "-c", script, "sh", *_MODULE)
    ended = run("models", "resnet18", "--store", "store", "-o", "list", by=by, cwd=tmp_path)

    assert ended.code in {ExitCode.USAGE, ExitCode.SYSTEM}
    assert len(ended.err.splitlines()) == 1
    assert b"Traceback" not in ended.err
