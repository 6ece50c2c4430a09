"""``simx report``: a report's file in every form."""

from pathlib import Path

import msgspec
import pytest

from simx.common.errors import ExitCode
from simx.results.files.evaluation import write_evaluation
from simx.results.files.report import write
from simx.results.schema.report import Report
from tests.cli.support import ROOT, Simx
from tests.results.builders import failed, identity, measured, report
from tests.results.evaluations import evaluation

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
    [("table", "simx evaluation, "), ("markdown", "# simx evaluation, "), ("json", "{")],
)
def test_an_evaluation_is_shown_again(simx: Simx, folder: Path, form: str, beginning: str) -> None:
    """It is recognised by its schema."""
    write_evaluation(folder / "evaluation.json", evaluation())
    outcome = simx("report", "evaluation.json", "--format", form)

    assert (outcome.code, outcome.messages) == (ExitCode.DONE, [])
    assert outcome.out.startswith(beginning)


@pytest.mark.parametrize("form", ["csv", "html"])
def test_an_evaluation_has_no_other_form(simx: Simx, folder: Path, form: str) -> None:
    """The message lists those that it has."""
    write_evaluation(folder / "evaluation.json", evaluation())
    outcome = simx("report", "evaluation.json", "--format", form)

    assert outcome.code == ExitCode.USAGE
    assert "an evaluation is shown as table, markdown or json" in outcome.messages[0]
