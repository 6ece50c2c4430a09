"""Formats of programs that watch figures, read as those programs do."""

import csv
import io
import json
from datetime import datetime

import msgspec
import pytest

from simx.common.errors import InputError
from simx.models.ranges import DEFAULT_RANGES
from simx.report.content import Exchange, Screen, render
from simx.report.contents import history_content, report_content
from simx.report.formats.csv import TidyRow, tidy_rows
from simx.results.history.history import history
from tests.report.samples import HOSTILE, rendered, two_backbones
from tests.results.builders import failed, identity, measured, report
from tests.results.history.series import MODELS, day, stored

ONE_REPORT: tuple[Exchange, ...] = ("bencher", "github-action-benchmark")

RESNET = (
    "model=resnet18 weights=IMAGENET1K_V1 embedding=pooled backend=torch "
    "provider=CPUExecutionProvider precision=fp32 batch=1 threads=2 scope=forward"
)


def test_bencher_gets_nanoseconds_with_their_ends() -> None:
    """By its schema: benchmarks, measures, and a value between a lower and an upper one."""
    found = json.loads(rendered(two_backbones(), form="bencher"))

    metric = found[RESNET]["latency"]
    assert metric["value"] == pytest.approx(50e6, rel=0.01)
    assert 0 < metric["lower_value"] < metric["value"] < metric["upper_value"]
    for measures in found.values():
        assert measures.keys() == {"latency"}
        assert measures["latency"].keys() <= {"value", "lower_value", "upper_value"}


def test_github_action_benchmark_gets_names_units_and_values() -> None:
    """By its documentation: a list of objects with name, unit, value, and a text as range."""
    found = json.loads(rendered(two_backbones(), form="github-action-benchmark"))

    (forward,) = (each for each in found if each["name"] == RESNET)
    assert forward["value"] == pytest.approx(50, rel=0.01)
    assert len({each["name"] for each in found}) == len(found)
    for each in found:
        assert each.keys() <= {"name", "unit", "value", "range"}
        assert each["unit"] == "ms"
        assert isinstance(each.get("range", ""), str)


@pytest.mark.parametrize("form", ONE_REPORT)
def test_formats_without_moments_take_one_report(form: Exchange) -> None:
    """Two reports would have the same names."""
    with pytest.raises(InputError, match="one report"):
        rendered(two_backbones(), two_backbones(), form=form)


def test_prometheus_reads_openmetrics() -> None:
    """Its parser finds each time in seconds, with labels and the moment of each report."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    hostile = report(measured(identity(HOSTILE)))
    reports = [two_backbones(), hostile, day(40), day(3)]
    text = rendered(*reports, form="openmetrics")

    families = {each.name: each for each in parser.text_string_to_metric_families(text)}

    assert set(families) == {
        "simx_latency_seconds",
        "simx_latency_low_seconds",
        "simx_latency_high_seconds",
    }
    latency = families["simx_latency_seconds"]
    assert (latency.type, latency.unit) == ("gauge", "seconds")
    of_days = [
        each
        for each in latency.samples
        if each.labels["model"] == "resnet34" and each.labels["backend"] == "ort"
    ]
    assert [float(each.timestamp) for each in of_days] == [
        datetime.fromisoformat(day(number).created).timestamp() for number in (3, 40)
    ]
    assert all(each.value == pytest.approx(0.1, rel=0.2) for each in of_days)


def test_openmetrics_ends_as_its_standard_demands() -> None:
    """The last line is the mark of the end, and no text breaks a line."""
    text = rendered(report(measured(identity(HOSTILE))), form="openmetrics")

    assert text.endswith("\n# EOF\n")
    assert all(line.startswith(("# ", "simx_latency_")) for line in text.splitlines())


def test_otava_gets_a_column_for_each_cell_without_gaps() -> None:
    """A row for each report with its moment; a cell that one report lacks has no column."""
    reports = [day(0), day(1, models=MODELS[:3]), day(2)]
    seen = history(stored(reports))
    text = render(history_content(seen), "otava", Screen(width=80))

    rows = list(csv.DictReader(text.splitlines()))

    assert [row["time"] for row in rows] == [each.created for each in reports]
    names = rows[0].keys() - {"time", "report", "simx", "commit"}
    assert len(names) == 2 * 3
    assert all(float(row[name]) == pytest.approx(100, rel=0.2) for row in rows for name in names)


def test_busy_times_are_left_out() -> None:
    """What means nothing is not handed on."""
    whole = two_backbones()
    names = set(json.loads(rendered(whole, form="bencher")))
    failed = msgspec.structs.replace(whole, cells=whole.cells[-1:])

    assert not any("vgg11" in name and "backend=ort" in name for name in names)
    assert json.loads(rendered(failed, form="bencher")) == {}


def test_a_result_without_such_a_format_says_so() -> None:
    """Another kind of result refuses the format in one line."""
    with pytest.raises(InputError, match="has no form"):
        render(history_content(history([])), "bencher", Screen(width=80))


def test_parquet_has_the_rows_of_the_csv() -> None:
    """With their types, the moment of their report, and empty where a figure is unknown."""
    files = pytest.importorskip("pyarrow.parquet")
    reports = [two_backbones(), report(failed()), day(40)]
    content = report_content(reports, DEFAULT_RANGES)
    assert content.parquet is not None

    table = files.read_table(io.BytesIO(content.parquet()))

    moments = [datetime.fromisoformat(each.created) for each in reports for _ in tidy_rows([each])]
    rows = table.to_pylist()
    assert [row.pop("created") for row in rows] == moments
    assert [TidyRow(**row) for row in rows] == list(tidy_rows(reports))
    assert table.schema.field("batch").type == "int64"
    assert table.schema.field("median").type == "double"
    assert table.schema.field("shared_session").type == "bool"
