"""``simx report``: a report's file in every form."""

import gzip
import os
import pty
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import write
from simx.results.schema.report import Report
from tests.cli.support import ROOT, Simx
from tests.results.builders import failed, identity, measured, report
from tests.results.evaluations import evaluation, timed

FORMATS = ("table", "markdown", "csv", "json", "html")
REPORT = report(
    measured(identity()),
    measured(identity(backend="ort"), milliseconds=20),
    failed(identity(model="resnet50")),
)


@pytest.fixture(autouse=True)
def _report_file(folder: Path) -> None:
    write(folder / "report.json", REPORT)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("layout", ["models", "origin"])
def test_a_report_is_rendered_in_every_form_and_layout(simx: Simx, form: str, layout: str) -> None:
    """Both backbones are in it, also the one that failed, and nothing is on stderr."""
    outcome = simx("report", "report.json", "--format", form, "--layout", layout)

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert "resnet18" in outcome.out
    assert "resnet50" in outcome.out


@pytest.mark.parametrize("form", FORMATS)
def test_the_output_file_holds_what_stdout_would(simx: Simx, folder: Path, form: str) -> None:
    """``-o`` moves the result and leaves stdout empty."""
    shown = simx("report", "report.json", "--format", form)
    saved = simx("report", "report.json", "--format", form, "-o", folder / "rendered")

    assert (saved.code, saved.out, saved.err) == (ExitCode.DONE, "", "")
    assert (folder / "rendered").read_text(encoding="utf-8") == shown.out


def test_a_terminal_gets_no_bytes_that_it_cannot_show(folder: Path) -> None:
    """Parquet goes to a file or a pipe; a terminal would show its bytes as signs and commands."""
    ours, theirs = pty.openpty()

    done = subprocess.run(
        [sys.executable, "-m", "simx", "report", "report.json", "--format", "parquet"],
        cwd=folder,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    os.close(theirs)
    os.close(ours)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == "simx: --format parquet: a terminal cannot show it; name a file with -o\n"


def test_json_is_the_report_itself(simx: Simx) -> None:
    """What a program reads from stdout is what it would read from the file."""
    outcome = simx("report", "report.json", "--format", "json")

    assert msgspec.json.decode(outcome.out, type=Report) == REPORT


def test_details_are_shown_where_they_are_asked_for(simx: Simx, folder: Path) -> None:
    """By ``--detail`` or a settings file; the short form names the command instead."""
    short, long = simx("report", "report.json"), simx("report", "report.json", "--detail")
    (folder / "simx.toml").write_text("[report]\ndetail = true\n")
    by_file = simx("report", "report.json")

    assert "preprocess" not in short.out
    assert "simx report report.json --detail" in " ".join(short.out.split())
    assert "preprocess" in long.out
    assert "--detail" not in long.out
    assert by_file.out == long.out


def test_several_reports_are_rendered_in_their_order(simx: Simx, folder: Path) -> None:
    """Each one named is rendered, the same one twice if need be."""
    write(folder / "other.json", report(measured(identity(model="alexnet"))))

    outcome = simx("report", "other.json", "report.json", "--format", "csv")

    assert outcome.out.index("alexnet") < outcome.out.index("resnet18")


def test_ranges_can_be_drawn_anew(simx: Simx) -> None:
    """``--ranges`` groups the tables by other edges than they were measured with."""
    outcome = simx("report", "report.json", "--ranges", "0,1.5")

    assert "GFLOPS 1.5+" in outcome.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pareto",),
        ("--max-latency", "60ms"),
        ("--min-acc1", "60%"),
        ("--pareto", "--backend", "ort"),
    ],
    ids=" ".join,
)
def test_a_decision_is_shown_instead_of_the_tables(simx: Simx, arguments: tuple[str, ...]) -> None:
    """``--pareto`` shows what nothing beats, and a limit asks for that by itself."""
    outcome = simx("report", "report.json", *arguments)
    backend = "ort" if "ort" in arguments else "torch"

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert outcome.out.startswith(f"Which backbone to take on {backend} cpu, by forward latency")


def test_a_provider_can_be_named_in_short(simx: Simx) -> None:
    """``cpu`` is what the report calls by ONNX Runtime's name."""
    outcome = simx("report", "report.json", "--pareto", "--provider", "cpu", "--format", "json")

    documents = msgspec.json.decode(outcome.out)
    assert [document["backend"] for document in documents] == ["torch", "ort"]


def test_a_backend_in_a_settings_file_does_not_disturb_the_tables(simx: Simx, folder: Path) -> None:
    """What is written there for every command may be meant for ``bench``."""
    (folder / "simx.toml").write_text('backend = ["torch", "ort"]\n')

    outcome = simx("report", "report.json")

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")


def test_the_schema_describes_a_report(simx: Simx) -> None:
    """``--schema`` needs no report and prints the format's JSON Schema."""
    outcome = simx("report", "--schema")
    schema = msgspec.json.decode(outcome.out, type=dict[str, msgspec.Raw])

    assert outcome.code == ExitCode.DONE
    assert "$defs" in schema


def test_the_example_gives_its_tables_back(simx: Simx) -> None:
    """Range by range, models as columns, as they were published."""
    example = ROOT / "examples" / "origin.json"
    outcome = simx("report", example, "--ranges", "0,1,4,7,9", "--layout", "origin")
    titles = [line for line in outcome.out.splitlines() if line.startswith("GFLOPS ")]

    assert outcome.code == ExitCode.DONE
    assert [title.partition(",")[0] for title in titles] == [
        "GFLOPS 0 (from 0 to below 1)",
        "GFLOPS 1-3 (from 1 to below 4)",
        "GFLOPS 4-6 (from 4 to below 7)",
        "GFLOPS 7-8 (from 7 to below 9)",
        "GFLOPS 9+ (from 9 up)",
    ]


@pytest.mark.parametrize(
    ("form", "beginning"),
    [
        ("table", "simx evaluation, "),
        ("markdown", "# simx evaluation, "),
        ("csv", "model,weights,"),
        ("json", "{"),
        ("html", "<!doctype html>"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_an_evaluation_is_shown_again(
    simx: Simx, folder: Path, form: str, beginning: str, *, packed: bool
) -> None:
    """It is recognised by its schema, also compressed; its rendering is replaced as such."""
    write(folder / "evaluation.json", evaluation())
    data = (folder / "evaluation.json").read_bytes()
    (folder / "given").write_bytes(gzip.compress(data) if packed else data)
    outcome = simx("report", "given", "--format", form)
    for _ in range(2):
        saved = simx("report", "given", "--format", form, "-o", "rendered")

    assert (outcome.code, outcome.messages, saved.code) == (ExitCode.DONE, [], ExitCode.DONE)
    assert outcome.out.startswith(beginning)
    assert (folder / "rendered").read_text(encoding="utf-8") == outcome.out


@pytest.fixture
def both(folder: Path) -> tuple[str, ...]:
    """Write an evaluation, and latencies of its networks."""
    found = evaluation()
    good, good_ort, bad, _ = found.cells
    write(folder / "bench.json", report(timed(good, 20), timed(good_ort, 5), timed(bad, 1)))
    write(folder / "evaluation.json", found)
    return "bench.json", "evaluation.json"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("order", [1, -1])
def test_a_report_and_an_evaluation_give_one_answer(
    simx: Simx, both: tuple[str, ...], form: str, order: int
) -> None:
    """In any order and form, over both backends; what was rendered can be replaced."""
    limits = ("--max-latency", "10ms", "--min-recall", "0.7", "--format", form)
    outcome = simx("report", *both[::order], *limits)
    for _ in range(2):
        saved = simx("report", *both[::order], *limits, "-o", "rendered")

    assert (outcome.code, outcome.err, saved.code) == (ExitCode.DONE, "", ExitCode.DONE)
    if form == "csv":
        assert "1,goodnet,IMAGENET1K_V1,pooled,ort," in outcome.out
    else:
        assert "Take goodnet:V1 on ort cpu (5.0" in " ".join(outcome.out.split())


def test_an_evaluation_beside_a_report_needs_no_option(simx: Simx, both: tuple[str, ...]) -> None:
    """There is one thing to do with the two."""
    outcome = simx("report", *both)

    assert outcome.out.startswith("Which backbone to take, by forward latency and accuracy on 72")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("evaluation.json", "--pareto"), "need latencies; name a report of simx bench beside it"),
        (("evaluation.json", "evaluation.json"), "one evaluation at a time"),
        (("bench.json", "--min-recall", "0.9"), "--min-recall needs an evaluation beside"),
        (("bench.json", "--min-recall", "0.9", "--format", "html"), "--min-recall needs an eval"),
        (("bench.json", "evaluation.json", "--min-acc1", "70"), "use --min-recall"),
        (("report.json", "evaluation.json"), "have no measured network in common"),
        (("report.json", "evaluation.json", "--format", "html"), "have no measured network in"),
        (("bench.json", "evaluation.json", "--min-recall", "90"), "write it as 0.9 or 90%"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("both")
def test_what_cannot_be_answered_is_one_line(
    simx: Simx, arguments: tuple[str, ...], problem: str
) -> None:
    """It names what is missing."""
    outcome = simx("report", *arguments)

    assert outcome.code == ExitCode.USAGE
    assert problem in outcome.messages[-1]
    assert outcome.out == ""
