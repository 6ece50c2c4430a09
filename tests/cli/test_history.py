"""``simx history``: what is printed of a folder of reports, and what the exit code says."""

import json
from pathlib import Path

import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import write
from tests.cli.support import Simx
from tests.results.history.series import day

REPORTS = 30


def slower_ort(number: int, _model: str, backend: str) -> float:
    return 1.1 if backend == "ort" and number >= 20 else 1.0


@pytest.fixture
def reports(folder: Path) -> Path:
    """Return a folder of reports, on the 21st of which the governor and ONNX Runtime changed."""
    into = folder / "reports"
    into.mkdir()
    for number in range(REPORTS):
        governor = "performance" if number < 20 else "powersave"
        write(into / f"day{number:02}.json", day(number, slower_ort, governor=governor))
    return into


def test_the_report_of_a_change_is_named(simx: Simx, reports: Path) -> None:
    """The table has the report, the target with its cells, and what else changed."""
    done = simx("history", reports)

    assert done.code == ExitCode.DONE
    assert "1 change of at least 1 % on 1 report" in done.out
    assert "day20.json, 2026-01-21T12:00:00+00:00" in done.out
    assert "ort cpu, 4 of 4 cells" in done.out
    assert "day20.json: governor was performance and is powersave" in done.out


def test_without_a_change_the_summary_says_so(simx: Simx, reports: Path) -> None:
    """Reports before the change have none."""
    found = simx("history", *sorted(reports.iterdir())[:20])

    assert found.code == ExitCode.DONE
    assert "no change of at least 1 %" in found.out


def test_every_format_has_the_change(simx: Simx, reports: Path, folder: Path) -> None:
    """All formats name the report, and replace their own output alone."""
    as_json = json.loads(simx("history", reports, "--format", "json").out)

    assert as_json["reports"][as_json["events"][0]["report"]]["name"] == "day20.json"
    for form in ("table", "markdown", "json", "html", "otava"):
        output = folder / f"history.{form}"
        for _ in range(2):
            assert simx("history", reports, "--format", form, "-o", output).code == ExitCode.DONE
        assert "day20.json" in output.read_text()
        output.write_text("mine")
        refused = simx("history", reports, "--format", form, "-o", output)
        assert refused.code == ExitCode.USAGE


def test_broken_reports_are_told_and_the_rest_goes_on(simx: Simx, reports: Path) -> None:
    """A broken report is one line and an exit code; another JSON file is only counted."""
    (reports / "broken.json").write_text('{"schema": {"name": "simx-report"')
    (reports / "other.json").write_text("[]")
    done = simx("history", reports)

    assert done.code == ExitCode.CELLS_FAILED
    assert "day20.json" in done.out
    broken, others = done.messages
    assert "broken.json: not JSON" in broken
    assert "1 JSON file is no report" in others


@pytest.mark.parametrize("arguments", [(), ("missing.json",), ("empty",)])
def test_nothing_to_read_is_a_usage_error(
    simx: Simx, folder: Path, arguments: tuple[str, ...]
) -> None:
    """No argument, a missing file, and a folder without reports end with one line."""
    (folder / "empty").mkdir()
    done = simx("history", *arguments)

    assert done.code == ExitCode.USAGE
    assert len(done.messages) == 1


def test_the_folder_that_is_read_takes_no_output(simx: Simx, reports: Path) -> None:
    """A report is never replaced by the result."""
    done = simx("history", reports, "-o", reports / "day00.json", "--force")

    assert done.code == ExitCode.USAGE
    assert "this command reads that file" in done.err
