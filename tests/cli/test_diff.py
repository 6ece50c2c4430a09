"""``simx diff``: two reports' files, and what the exit code says of them."""

import json
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import write
from simx.results.schema.report import Report
from tests.cli.support import Simx
from tests.results.builders import (
    around,
    failed,
    identity,
    measured,
    quoted,
    quoted_report,
    report,
    timings,
)

STRICT = ("--fail-on", "inconclusive")


def of(milliseconds: float, *, created: str, threads: int = 2) -> Report:
    """Return a report of two cells; the second one is always the same."""
    its = msgspec.structs.replace(identity(), threads=threads)
    quiet = [
        msgspec.structs.replace(timing, launches=around(milliseconds, spread=0.002))
        for timing in timings(milliseconds)
        if timing.scope == "forward"
    ]
    cells = (measured(its, of=tuple(quiet)), measured(identity(backend="ort"), of=tuple(quiet)))
    return msgspec.structs.replace(report(*cells), created=created)


def without_forward(milliseconds: float, count: int) -> Report:
    """Return a report whose last cells, as many as this, have only the other times."""
    whole = of(milliseconds, created="2026-01-06T12:00:00Z")
    others = tuple(each for each in timings(milliseconds) if each.scope != "forward")
    return msgspec.structs.replace(
        whole,
        cells=tuple(
            measured(cell.identity, of=others) if place >= 2 - count else cell
            for place, cell in enumerate(whole.cells)
        ),
    )


@pytest.fixture(autouse=True)
def _reports(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write(folder / "old.json", of(50, created="2026-01-05T12:00:00Z"))
    write(folder / "again.json", of(50.01, created="2026-01-06T12:00:00Z"))
    write(folder / "slow.json", of(60, created="2026-01-07T12:00:00Z"))
    write(folder / "threads.json", of(50, created="2026-01-08T12:00:00Z", threads=4))
    write(folder / "lost.json", without_forward(50.01, 1))
    write(folder / "unmeasured.json", without_forward(50.01, 2))
    write(folder / "failed.json", report(failed(), failed(identity(backend="ort"))))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("old.json", "old.json"), ExitCode.DONE),
        (("old.json", "old.json", "--fail-on", "inconclusive"), ExitCode.DONE),
        (("old.json", "slow.json"), ExitCode.REGRESSION),
        (("slow.json", "old.json"), ExitCode.DONE),
        (("old.json", "slow.json", "--fail-on", "inconclusive"), ExitCode.REGRESSION),
        (("old.json", "slow.json", "--fail-on", "never"), ExitCode.DONE),
        (("old.json", "slow.json", "--threshold", "50%"), ExitCode.DONE),
        (("old.json", "again.json", "slow.json"), ExitCode.REGRESSION),
        (("old.json", "again.json", "--repeat", "again.json"), ExitCode.DONE),
        (("old.json", "threads.json"), ExitCode.INCONCLUSIVE),
        (("old.json", "threads.json", "--threshold", "15%"), ExitCode.DONE),
        (("old.json", "threads.json", "--threshold", "15%", *STRICT), ExitCode.INCONCLUSIVE),
        (("old.json", "lost.json", "--threshold", "15%"), ExitCode.DONE),
        (("old.json", "lost.json", "--threshold", "15%", *STRICT), ExitCode.INCONCLUSIVE),
        (("old.json", "unmeasured.json"), ExitCode.INCONCLUSIVE),
        (("old.json", "unmeasured.json", "--fail-on", "never"), ExitCode.INCONCLUSIVE),
        (("old.json", "threads.json", "--fail-on", "inconclusive"), ExitCode.INCONCLUSIVE),
        (("old.json", "failed.json"), ExitCode.INCONCLUSIVE),
        (("old.json", "failed.json", "--fail-on", "never"), ExitCode.INCONCLUSIVE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value.name,
)
def test_the_exit_code_is_the_gate(simx: Simx, arguments: tuple[str, ...], code: ExitCode) -> None:
    """And whatever it is, the comparison is on stdout and nothing on stderr."""
    outcome = simx("diff", *arguments)

    assert (outcome.code, outcome.err) == (code, "")
    assert "old.json" in outcome.out


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_every_form_goes_to_a_file_too(simx: Simx, folder: Path, form: str) -> None:
    """``-o`` moves the result and leaves stdout empty."""
    shown = simx("diff", "old.json", "slow.json", "--format", form)
    saved = simx("diff", "old.json", "slow.json", "--format", form, "-o", "diff.txt")

    assert (saved.code, saved.out) == (ExitCode.REGRESSION, "")
    assert (folder / "diff.txt").read_text(encoding="utf-8") == shown.out


def test_what_is_let_pass_is_compared(simx: Simx) -> None:
    """Otherwise it is listed, with the option that compares it."""
    barred = simx("diff", "old.json", "threads.json", "--format", "json")
    passed = simx("diff", "old.json", "threads.json", "--allow", "threads", "--format", "json")

    def compared(text: str) -> int:
        cells = [cell for each in json.loads(text)["ranges"] for cell in each["cells"]]
        return sum(bool(cell["changes"]) for cell in cells)

    assert (compared(barred.out), compared(passed.out)) == (1, 2)


def test_several_differences_are_named_at_once(simx: Simx) -> None:
    """With commas between them, or one after the other."""
    arguments = ("diff", "old.json", "threads.json", "--format", "json")

    assert (
        simx(*arguments, "--allow", "threads, cpu").out
        == simx(*arguments, "--allow", "cpu", "--allow", "threads").out
    )


def test_published_figures_are_compared_as_far_as_they_go(simx: Simx, folder: Path) -> None:
    """Their gaps are listed. With ``--allow`` their medians have a change, and no verdict."""
    write(folder / "published.json", quoted_report(quoted(), quoted(identity(backend="ort"))))
    barred = simx("diff", "published.json", "old.json")
    allow = "threads,cpu,cores,governor,torch,onnxruntime,weights,graph,placement,pictures"
    write(folder / "whole.json", report(measured(), measured(identity(backend="ort"))))
    passed = simx("diff", "published.json", "whole.json", "--allow", allow)

    assert barred.code == ExitCode.INCONCLUSIVE
    assert "base does not record" in barred.out
    assert passed.code == ExitCode.INCONCLUSIVE
    assert "no cell has a verdict: 2 published" in passed.out
    assert "embedding, positive" in passed.out


def test_the_step_summary_is_appended_to(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Markdown, after what is there already, whatever stdout gets."""
    summary = folder / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    shown = simx("diff", "old.json", "slow.json")
    markdown = simx("diff", "old.json", "slow.json", "--format", "markdown", "-o", "x.md")

    assert (shown.code, markdown.code) == (ExitCode.REGRESSION, ExitCode.REGRESSION)
    once = (folder / "x.md").read_text(encoding="utf-8")
    assert summary.read_text(encoding="utf-8") == f"before\n{once}{once}"
    assert "|" in once


def test_a_step_summary_that_cannot_be_written_is_told(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, after the comparison itself."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "nowhere" / "summary.md"))
    outcome = simx("diff", "old.json", "slow.json")

    assert outcome.code == ExitCode.SYSTEM
    assert len(outcome.messages) == 1
    assert "old.json" in outcome.out


def test_reports_of_the_same_name_are_told_apart(simx: Simx, folder: Path) -> None:
    """By their folders, then."""
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "report.json").write_bytes((folder / "old.json").read_bytes())

    outcome = simx("diff", "a/report.json", "b/report.json")

    assert "a/report.json → b/report.json" in outcome.out


def test_two_targets_of_one_report_are_compared(simx: Simx) -> None:
    """The names are those of the tables, and the gate is the same."""
    result = simx("diff", "old.json", "--between", "torch", "ort cpu", *STRICT)

    assert result.code == ExitCode.DONE, result.err
    assert "torch cpu → ort cpu" in result.out
    assert "both targets were measured in one run" in result.out
    assert "slowdowns show from" in result.out
    assert "between two equal runs" not in " ".join(result.out.split())


def test_two_reports_are_told_what_shows_less(simx: Simx) -> None:
    """What the comparison can show at all stands at its beginning, and what would show more."""
    result = simx("diff", "old.json", "again.json")
    beginning = " ".join(result.out.split())[:600]

    assert "slowdowns show from" in beginning
    assert "simx diff REPORT --between A B" in beginning
    assert "allows for the difference between two equal runs" in " ".join(result.out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("old.json",),
        ("old.json", "again.json", "--between", "torch", "ort"),
        ("old.json", "--between", "torch", "ort", "--repeat", "again.json"),
        ("old.json", "--between", "torch", "ort", "--allow", "threads"),
        ("old.json", "--between", "torch", "tensorflow"),
    ],
)
def test_what_is_compared_is_one_thing(simx: Simx, arguments: tuple[str, ...]) -> None:
    """Two reports, or two targets of one."""
    result = simx("diff", *arguments)

    assert result.code == ExitCode.USAGE
    assert len(result.messages) == 1
