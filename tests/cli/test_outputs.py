"""What ``-o`` may replace, for every command, and what it may not."""

import gzip
import os
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from simx.api import bench
from simx.cli import COMMANDS
from simx.common.errors import ExitCode, InputError
from simx.images.pictures import bundled
from simx.results.files.report import encode, read, write
from tests.cli.outputs import BENCH, RENDERING, REPORT, files, no_work
from tests.cli.support import Simx

__all__ = ["files", "no_work"]

PICTURES = tuple(
    argument
    for image in ("anchor", "positive", "negative")
    for argument in (f"--{image}", f"{image}.jpg")
)
READS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "report": (("report", "a.json"), ("a.json",)),
    "report as JSON": (("report", "a.json", "--format", "json"), ("a.json",)),
    "report of several": (("report", "a.json", "b.json"), ("a.json", "b.json")),
    "report with settings": (("report", "a.json", "--detail"), ("simx.toml",)),
    "diff": (("diff", "a.json", "b.json", "--repeat", "c.json"), ("a.json", "b.json", "c.json")),
    "history": (("history", "a.json", "b.json"), ("a.json", "b.json")),
    "models": (("models", "--store", "store"), ("store/exports/m/w/p/manifest.json",)),
    "doctor": (("doctor", "--store", "store"), ("store/weights/a.safetensors",)),
    "selfcheck": (("selfcheck", "--quick"), ("simx.toml",)),
    "tune": (
        ("tune", "squeezenet1_1", "--store", "store", "--weights", "weights.safetensors"),
        ("weights.safetensors", "store/exports/m/w/p/manifest.json", "simx.toml"),
    ),
    "explain": (
        ("explain", "squeezenet1_1", "--store", "store", "--weights", "weights.safetensors"),
        ("weights.safetensors", "store/exports/m/w/p/manifest.json", "simx.toml"),
    ),
    "evaluate": (
        ("evaluate", "pictures.csv", "squeezenet1_1", "--weights", "weights.safetensors"),
        ("pictures.csv", "weights.safetensors", "simx.toml"),
    ),
    "bench": (
        (*BENCH, *PICTURES, "--weights", "weights.safetensors"),
        ("weights.safetensors", "anchor.jpg", "positive.jpg", "negative.jpg", "simx.toml"),
    ),
    "bench from the store": (
        ("bench", "squeezenet1_1", "--store", "store"),
        ("store/exports/m/w/p/manifest.json", str(bundled().anchor), "torch/hub/checkpoints/a.pth"),
    ),
    "bench with an option's file": (
        (*BENCH, "--backend", "ort", "--provider", "openvino", "--provider-option", "load=a.json"),
        ("a.json",),
    ),
}
"""Commands, and the files that they read."""


@pytest.fixture(autouse=True)
def _commands(files: None, no_work: None) -> None:
    """Use both."""


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "forced"])
@pytest.mark.parametrize(
    ("command", "read_file"),
    [(command, path) for command, (_, paths) in READS.items() for path in paths],
    ids=lambda value: Path(value).name,
)
def test_no_command_replaces_what_it_reads(
    simx: Simx, folder: Path, command: str, read_file: str, force: tuple[str, ...]
) -> None:
    """By its own name or by another, and with ``--force``: the file stays, the exit code is 2."""
    content = Path(read_file).read_bytes()
    os.link(read_file, folder / "hard") if read_file.startswith("/") else None
    (folder / "link").symlink_to(read_file)

    for output in (read_file, os.path.relpath(read_file), "link"):
        outcome = simx(*READS[command][0], "-o", output, *force)
        assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
        assert f"{output}: this command reads that file" in outcome.err

    assert Path(read_file).read_bytes() == content


def test_an_output_for_every_command_does_not_replace_the_report(simx: Simx, folder: Path) -> None:
    """``output`` at the top of simx.toml is for ``bench``, and holds for ``report``, too."""
    (folder / "simx.toml").write_text('output = "report.json"\n')
    measuring = simx(*BENCH)
    rendering = simx("report", "report.json")

    assert measuring.code == ExitCode.DONE
    assert (rendering.code, len(rendering.messages)) == (ExitCode.USAGE, 1)
    assert read(folder / "report.json").cells


FORMS = ("table", "markdown", "csv", "json", "html")
LACKING = {
    *(("doctor", form) for form in ("csv", "html")),
    *(("selfcheck", form) for form in ("csv", "html")),
    *((name, form) for name in ("explain", "history") for form in ("csv", "html")),
    *((each, "html") for each in ("diff", "diff of several", "diff of targets", "models")),
}


@pytest.mark.parametrize(
    ("command", "form"),
    [(each, form) for each in RENDERING for form in FORMS if (each, form) not in LACKING],
)
def test_an_earlier_result_is_replaced(simx: Simx, command: str, form: str) -> None:
    """The same command can be typed twice."""
    typed = (*RENDERING[command], "--format", form, "-o", "result")
    first, second = simx(*typed), simx(*typed)

    assert (first.code, second.code) == (ExitCode.DONE, ExitCode.DONE)
    assert second.messages == []


def test_a_list_of_reports_and_a_schema_are_results(simx: Simx) -> None:
    """They can be made again, too."""
    for typed in (("report", "a.json", "b.json", "--format", "json"), ("report", "--schema")):
        outcomes = [simx(*typed, "-o", typed[1]).code for _ in range(2)]
        outcomes = [simx(*typed, "-o", "result", *force).code for force in (["--force"], [])]

        assert outcomes == [ExitCode.DONE, ExitCode.DONE]


@pytest.mark.parametrize(("there", "form"), [*permutations(FORMS, 2)])
def test_a_result_in_another_format_is_kept(
    simx: Simx, folder: Path, there: str, form: str
) -> None:
    """A table does not replace a page, unless that is forced."""
    simx("report", "a.json", "b.json", "--format", there, "-o", "result")
    content = (folder / "result").read_bytes()
    typed = ("report", "a.json", "b.json", "--format", form, "-o", "result")
    refused = simx(*typed)

    assert (refused.code, (folder / "result").read_bytes()) == (ExitCode.USAGE, content)
    assert f"result: exists, and simx did not write it as {form}; name another" in refused.err
    assert "--force" in refused.messages[0]
    assert simx(*typed, "--force").code == ExitCode.DONE
    assert (folder / "result").read_bytes() != content


FOREIGN = {
    "notes": b"old\n",
    "source": b"import simx\n\nprint('model,weights,')\n",
    "readme": b"# simx\n\n| a | b |\n| --- | --- |\n| model | weights |\n",
    "package": b'{"name": "simx", "version": "1"}\n',
    "data": b"name,value\na,1\n",
    "page": b"<!doctype html>\n<html><head><title>simx</title></head></html>\n",
    "picture": bundled().anchor.read_bytes(),
    "packed": gzip.compress(b"simx report, "),
    "report": encode(REPORT),
    "journal": b'{"journal":{"name":"simx-journal","version":4}}\n',
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("command", RENDERING)
def test_what_simx_did_not_render_is_kept(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, content: bytes
) -> None:
    """In whatever format the result would be, and before any work is done."""
    monkeypatch.setattr("simx.report.content.render", None)
    (folder / "theirs").write_bytes(content)
    for form in FORMS:
        is_copy = (command, form, content) == ("report", "json", FOREIGN["report"])
        if (command, form) in LACKING or is_copy:
            continue
        outcome = simx(*RENDERING[command], "--format", form, "-o", "theirs")

        assert (outcome.code, outcome.out) == (ExitCode.USAGE, ""), form
        assert "theirs: exists, and " in outcome.err
    assert (folder / "theirs").read_bytes() == content


def test_a_report_is_copied_over_one_of_the_same_run_alone(simx: Simx, folder: Path) -> None:
    """``report --format json`` writes a report, so the rule of reports holds."""
    config = REPORT.config
    assert config is not None
    other = msgspec.structs.replace(REPORT, config=msgspec.structs.replace(config, seed=1))
    write(folder / "other.json", other)
    codes = [
        simx("report", "a.json", "--format", "json", "-o", output).code
        for output in ("new.json", "new.json", "b.json", "other.json")
    ]

    assert codes == [ExitCode.DONE, ExitCode.DONE, ExitCode.DONE, ExitCode.USAGE]
    assert read(folder / "other.json") == other


def test_the_same_benchmark_can_be_typed_twice(simx: Simx, folder: Path) -> None:
    """It says beforehand that the earlier report will be replaced."""
    first, second = simx(*BENCH, "-o", "report.json"), simx(*BENCH, "-o", "report.json")

    assert (first.code, first.messages) == (ExitCode.DONE, ["simx: report saved as report.json"])
    assert second.code == ExitCode.DONE
    assert second.messages == [
        "simx: report.json: will be replaced when this run ends",
        "simx: report saved as report.json",
    ]
    assert [path.name for path in folder.glob("report.json*")] == ["report.json"]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (("--threads", "1"), "threads was 2 and is 1"),
        (("--threads", "2", "--seed", "5"), "seed was 0 and is 5"),
        (("--threads", "2", "--profile", "quick"), "profile was default and is quick"),
        (("--threads", "2", "--anchor", "positive.jpg"), "pictures anchor was a picture of"),
        (("--threads", "2", "--backend", "ort"), "backends was torch, ort and is ort"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_report_of_another_run_is_kept(
    simx: Simx, folder: Path, options: tuple[str, ...], difference: str
) -> None:
    """The message says what differs; ``--force`` replaces it, with the same notice before."""
    simx(*BENCH, "--threads", "2", "-o", "report.json")
    content = (folder / "report.json").read_bytes()
    refused = simx(*BENCH, *options, "-o", "report.json")
    kept = (folder / "report.json").read_bytes()
    forced = simx(*BENCH, *options, "-o", "report.json", "--force")

    assert (refused.code, kept) == (ExitCode.USAGE, content)
    assert "report.json: is the report of another run: " in refused.err
    assert difference in refused.err
    assert not (folder / "report.json.journal").exists()
    assert forced.code == ExitCode.DONE
    assert "will be replaced" in forced.messages[0]


def test_a_report_of_other_weights_is_kept(simx: Simx, folder: Path) -> None:
    """The command is the same, and the file that it names is another one."""
    typed = (*BENCH, "-o", "report.json", "--weights")
    first = simx(*typed, "weights.safetensors")
    (folder / "other.safetensors").write_bytes(b"other weights")
    refused = simx(*typed, "other.safetensors")

    assert (first.code, refused.code) == (ExitCode.DONE, ExitCode.USAGE)
    assert "report.json: is the report of other weights" in refused.err


@pytest.mark.parametrize("content", [b"{}", *FOREIGN.values()], ids=["object", *FOREIGN.keys()])
def test_a_benchmark_keeps_what_is_no_report_of_it(
    simx: Simx, folder: Path, content: bytes
) -> None:
    """A picture, a note, a table, and also the report of something else."""
    (folder / "theirs").write_bytes(content)
    refused = simx(*BENCH, "-o", "theirs")

    assert (refused.code, len(refused.messages)) == (ExitCode.USAGE, 1)
    assert refused.err.startswith("simx: theirs: ")
    assert "--force" in refused.err
    assert (folder / "theirs").read_bytes() == content


def test_a_search_replaces_its_own_result_alone(simx: Simx, folder: Path) -> None:
    """It says beforehand that it will."""
    typed = ("tune", "squeezenet1_1", "--store", "store", "--weights", "random", "-o")
    first, second = simx(*typed, "tuned.json"), simx(*typed, "tuned.json")
    refused = [simx(*typed, output) for output in ("a.json", "pictures.csv")]

    assert (first.code, first.messages) == (ExitCode.DONE, ["simx: report saved as tuned.json"])
    assert second.messages == [
        "simx: tuned.json: will be replaced when this run ends",
        "simx: report saved as tuned.json",
    ]
    assert [each.code for each in refused] == [ExitCode.USAGE] * 2
    assert "a.json: exists, and is no result of simx tune" in refused[0].err
    assert simx(*typed, "a.json", "--force").code == ExitCode.DONE
    assert not list(folder.glob("*.journal"))


def test_the_library_keeps_what_the_command_keeps(folder: Path) -> None:
    """One place decides for both."""
    (folder / "notes.txt").write_text("old")
    for path, words in (("notes.txt", "no report"), ("anchor.jpg", "this command reads")):
        with pytest.raises(InputError, match=words):
            bench("squeezenet1_1", report=path, anchor="anchor.jpg", store="store")


@pytest.mark.parametrize("command", [(*RENDERING["models"],), RENDERING["report"], BENCH])
def test_a_read_only_output_is_refused(simx: Simx, folder: Path, command: tuple[str, ...]) -> None:
    """Also by root, and with ``--force``: permissions are the user's word."""
    (folder / "theirs").write_text("old")
    (folder / "theirs").chmod(0o444)
    outcome = simx(*command, "-o", "theirs", "--force")

    assert outcome.code == ExitCode.USAGE
    assert "theirs: is read-only (mode 0444)" in outcome.err
    assert (folder / "theirs").read_text() == "old"


@pytest.mark.parametrize("name", ["pipe", "/dev/null", "/dev/full"])
def test_a_benchmark_needs_a_file(simx: Simx, folder: Path, name: str) -> None:
    """Beside a device or a pipe there is no place for a journal."""
    os.mkfifo(folder / "pipe")
    outcome = simx(*BENCH, "-o", name)

    assert (outcome.code, len(outcome.messages)) == (ExitCode.USAGE, 1)
    assert "is a pipe or device" in outcome.err


def test_a_step_summary_is_no_report_that_is_compared(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be appended to."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "b.json")
    outcome = simx("diff", "a.json", "b.json")

    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    assert (folder / "b.json").read_bytes() == encode(REPORT)


def test_every_command_that_writes_is_tested_here() -> None:
    """A new command comes with its files."""
    assert {command[0] for command, _ in READS.values()} | {"export"} == set(COMMANDS)
