"""``-`` for stdin and stdout, URLs for paths, byte order marks, and a stdout that is full."""

import gzip
import shutil
import sys
from pathlib import Path

import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import read
from tests.cli.outputs import BENCH, RENDERING, REPORT, files, no_work
from tests.cli.support import Simx, run_simx, run_simx_into_a_full_stdout

__all__ = ["files", "no_work"]


@pytest.fixture(autouse=True)
def _commands(files: None, no_work: None) -> None:
    """Use both."""


@pytest.mark.parametrize(
    "command",
    [
        ("report", "-"),
        ("report", "b.json", "-"),
        ("diff", "-", "b.json"),
        ("diff", "b.json", "-"),
        ("diff", "b.json", "c.json", "--repeat", "-"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("how", ["pipe", "file", "packed", "marked"])
def test_a_dash_is_stdin(folder: Path, command: tuple[str, ...], how: str) -> None:
    """The result is the one of a file called stdin: from a pipe, redirected, packed, marked."""
    data = (folder / "a.json").read_bytes()
    data = gzip.compress(data) if how == "packed" else data
    (folder / "stdin").write_bytes(b"\xef\xbb\xbf" + data if how == "marked" else data)
    typed = (*command, "--format", "csv")
    found = run_simx(
        *typed, cwd=folder, python=_shell("cat stdin |" if how == "pipe" else "<stdin")
    )
    expected = run_simx(*("stdin" if each == "-" else each for each in typed), cwd=folder)

    assert (found.code, found.err) == (ExitCode.DONE, "")
    assert found.out == expected.out


def test_the_next_step_does_not_read_stdin_again(folder: Path) -> None:
    """It is named for a file alone."""
    shown = run_simx("report", "a.json", cwd=folder).out
    found = run_simx("report", "-", cwd=folder, python=_shell("<a.json"))

    assert "All figures: simx report a.json" in shown
    assert found.out.split() == shown.partition("\nAll figures:")[0].split()


def _shell(source: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f'{source} "$0" -m simx "$@"', sys.executable)


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (("report", "a.json"), "a.json"),
        (("diff", "a.json", "b.json"), "b.json"),
        ((*BENCH, "--anchor", "anchor.jpg"), "anchor.jpg"),
        (("export", "squeezenet1_1", "--weights", "weights.safetensors"), "weights.safetensors"),
    ],
)
def test_stdout_is_not_appended_to_what_is_read(
    folder: Path, command: tuple[str, ...], given: str
) -> None:
    """The shell's ``>>`` would spoil it; ``>`` has emptied it before simx begins."""
    content = (folder / given).read_bytes()
    found = run_simx(*command, cwd=folder, python=_shell(f">>{given}"))

    assert (found.code, len(found.messages)) == (ExitCode.USAGE, 1)
    assert "/dev/stdout: this command reads that file" in found.err
    assert (folder / given).read_bytes() == content


def test_stdin_is_read_once(simx: Simx) -> None:
    """Two reports cannot both be on it."""
    outcome = simx("diff", "-", "-")

    assert outcome.code == ExitCode.USAGE
    assert "stdin (-) can be read only once" in outcome.err


def test_a_file_may_be_called_dash(simx: Simx, folder: Path) -> None:
    """``./-`` is such a file, as an input and as an output."""
    shutil.copy("a.json", "-")

    assert simx("report", "./-").code == ExitCode.DONE
    assert simx("report", "a.json", "-o", "./-").code == ExitCode.USAGE
    assert read(folder / "-") == REPORT


@pytest.mark.parametrize("command", RENDERING)
def test_a_dash_is_stdout(simx: Simx, folder: Path, command: str) -> None:
    """``-o -`` is the same as no output, also where a settings file names one."""
    (folder / "simx.toml").write_text('output = "result"\n')
    dash = simx(*RENDERING[command], "-o", "-")
    (folder / "simx.toml").unlink()
    none = simx(*RENDERING[command])

    assert (dash.code, dash.out) == (none.code, none.out)
    assert not (folder / "result").exists()
    assert not (folder / "-").exists()


@pytest.mark.parametrize("dash", ["-", "/dev/stdout"])
def test_a_benchmark_writes_its_report_to_stdout(simx: Simx, folder: Path, dash: str) -> None:
    """Instead of the tables; a file in the data folder has it, too, and a message names it."""
    outcome = simx(*BENCH, "-o", dash)
    [saved] = (folder / "data" / "simx" / "reports").iterdir()

    assert outcome.code == ExitCode.DONE
    assert outcome.out.encode() == saved.read_bytes()
    assert outcome.messages == [f"simx: report saved as {saved}"]


def test_a_report_on_stdout_is_json(simx: Simx) -> None:
    """Another format was typed for nothing."""
    outcome = simx(*BENCH, "-o", "-", "--format", "csv")

    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    assert "--output - with --format csv" in outcome.err


def test_models_do_not_go_to_stdout(simx: Simx, folder: Path) -> None:
    """They need a folder; one called so is ``./-``."""
    outcome = simx("export", "squeezenet1_1", "-o", "-")

    assert (outcome.code, outcome.messages[0][:16]) == (ExitCode.USAGE, "simx: --output -")
    assert not (folder / "-").exists()


URL = "https://example.org/a"
URLS: dict[str, tuple[str, ...]] = {
    "report": ("report", URL),
    "diff": ("diff", "a.json", URL),
    "repeat": ("diff", "a.json", "b.json", "--repeat", URL),
    "output": ("models", "-o", URL),
    "bench": ("bench", "squeezenet1_1", "-o", URL),
    "resume": ("bench", "--resume", URL),
    "anchor": ("bench", "squeezenet1_1", "--anchor", URL),
    "weights": ("bench", "squeezenet1_1", "--weights", URL),
    "weights to export": ("export", "squeezenet1_1", "--weights", URL),
    "folder": ("export", "squeezenet1_1", "-o", URL),
}


@pytest.mark.parametrize("command", URLS.values(), ids=URLS.keys())
def test_a_url_for_a_path_is_answered_as_one(
    simx: Simx, folder: Path, command: tuple[str, ...]
) -> None:
    """In one line, without a folder of that name."""
    outcome = simx(*command)

    assert (outcome.code, len(outcome.messages)) == (ExitCode.USAGE, 1)
    assert f"{URL}: is a URL, and simx uses local files only" in outcome.err
    assert not (folder / "https:").exists()


STORES: tuple[tuple[str, ...], ...] = (
    ("bench", "squeezenet1_1"),
    ("export", "squeezenet1_1"),
    ("models",),
    ("doctor",),
    ("evaluate", ".", "squeezenet1_1"),
    ("tune", "squeezenet1_1"),
)


@pytest.mark.parametrize("command", STORES, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (URL, f"store {URL}: nothing can be written there"),
        ("none://bucket/simx", "store none://bucket/simx: Protocol not known: none; name a folder"),
        ("s3://key:secret@bucket", "store s3://...: has a password or a query in it; leave it out"),
    ],
)
def test_a_url_of_no_store_is_one_line(
    simx: Simx, command: tuple[str, ...], url: str, reason: str
) -> None:
    """It is a wrong argument, found before any work."""
    outcome = simx(*command, "--store", url)

    assert (outcome.code, len(outcome.messages)) == (ExitCode.USAGE, 1)
    assert reason in outcome.err


def test_settings_may_begin_with_a_byte_order_mark(simx: Simx, folder: Path) -> None:
    """Some editors write one."""
    (folder / "simx.toml").write_bytes(b'\xef\xbb\xbfformat = "csv"\n')

    assert simx("models", "resnet18").out.startswith("model,weights")


def test_a_full_stdout_does_not_hide_the_report(folder: Path) -> None:
    """The error of stdout is one line, and where the report lies another."""
    outcome = run_simx_into_a_full_stdout("bench", "--resume", "a.json", cwd=folder)

    assert outcome.code == ExitCode.SYSTEM
    assert outcome.err.splitlines()[1:] == [
        "simx: report saved as a.json",
        "simx: stdout: cannot be written (No space left on device)",
    ]
