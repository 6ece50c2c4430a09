"""Times for programs that watch figures: one function for each of their formats.

bencher: Bencher Metric Format (https://bencher.dev/docs/reference/bencher-metric-format/), JSON.
github-action-benchmark: its ``customSmallerIsBetter``, JSON.
openmetrics: the text of OpenMetrics 1.0, which Prometheus reads.
otava: CSV for Apache Otava, a row for each report and a column for each cell.
parquet: the rows of the CSV in Apache Parquet, with the moment of their report.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import get_args

import msgspec

from simx.common import grouped
from simx.common.errors import InputError
from simx.common.safe_text import clean
from simx.report.formats.comma_separated import IDENTITY, LOAD, figure, safe, written
from simx.report.formats.csv import TidyRow, tidy_rows
from simx.report.formats.json import json_document
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.files.report import moment
from simx.results.history.history import History
from simx.results.schema.report import Report
from simx.results.summaries.summary import CellLabel

PARQUET_METADATA = {"simx": "tidy rows"}
"""By which simx knows a file as its own."""

_TIME = ("scope", "image")

_FAMILIES = {
    "simx_latency_seconds": ("median", "Median time of a call."),
    "simx_latency_low_seconds": ("ci_low", "Lower end of the 95 % interval of the time of a call."),
    "simx_latency_high_seconds": ("ci_high", "Upper end of this interval."),
}


def bencher(reports: Sequence[Report]) -> str:
    """Return the times of one report in nanoseconds, Bencher's unit of the measure ``latency``.

    Raises:
        InputError: There are several reports, whose names would be the same.
    """

    def metric(row: TidyRow) -> dict[str, float]:
        ends = {"value": row.median, "lower_value": row.ci_low, "upper_value": row.ci_high}
        return {name: ms * NANOSECONDS_PER_MS for name, ms in ends.items() if ms is not None}

    rows = _times(_only(reports))
    return json_document({_name(row, _TIME): {"latency": metric(row)} for row in rows})


def github_action_benchmark(reports: Sequence[Report]) -> str:
    """Return the times of one report in milliseconds.

    Raises:
        InputError: There are several reports.
    """
    rows = _times(_only(reports))
    return json_document(
        [
            {"name": _name(row, _TIME), "unit": "ms", "value": row.median}
            | ({} if row.ci_low is None else {"range": f"{row.ci_low:g} to {row.ci_high:g}"})
            for row in rows
        ]
    )


def openmetrics(reports: Sequence[Report]) -> str:
    """Return the times of reports in seconds, each with the moment of its report."""
    found = [(row, moment(report)) for report in reports for row in _times(report)]

    def labels(of: tuple[TidyRow, float]) -> str:
        quoted = ((key, msgspec.json.encode(clean(value))) for key, value in _fields(of[0], _TIME))
        return ",".join(f"{name}={value.decode()}" for name, value in quoted)

    by_labels = grouped(found, labels)
    lines = []
    for family, (field, help_text) in _FAMILIES.items():
        lines += [
            f"# TYPE {family} gauge",
            f"# UNIT {family} seconds",
            f"# HELP {family} {help_text}",
        ]
        lines += [
            f"{family}{{{labels}}} {value / 1e3:.9g} {seconds}"
            for labels, rows in by_labels.items()
            for row, seconds in sorted(rows, key=lambda each: each[1])
            if (value := getattr(row, field)) is not None
        ]
    return "\n".join([*lines, "# EOF", ""])


def otava(history: History) -> str:
    """Return the times of the cells that all reports have, in milliseconds; Otava takes no gaps."""
    lines = [line for line in history.lines if len(line.reports) == len(history.reports)]
    names = [safe(_name(line.cell)) for line in lines]
    about = ("simx", "commit")
    rows = (
        {"time": safe(each.created), "report": safe(each.name)}
        | {name: safe(getattr(each, name) or "") for name in about}
        | {
            name: figure(line.ns[place], NANOSECONDS_PER_MS)
            for name, line in zip(names, lines, strict=True)
        }
        for place, each in enumerate(history.reports)
    )
    return written(("time", "report", *about, *names), rows)


def parquet(reports: Sequence[Report]) -> bytes:
    """Return a file with the tidy rows of reports; ``created`` is the moment of a row's report.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, which only this format needs
        from pyarrow import parquet as files  # noqa: PLC0415
    except ImportError:
        raise InputError(
            "--format parquet needs pyarrow; pip install 'simx-bench[parquet]'"
        ) from None
    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    fields = {
        name: types[next(iter(get_args(of)), of)] for name, of in TidyRow.__annotations__.items()
    }
    schema = pa.schema({"created": pa.timestamp("us", tz="UTC"), **fields}, PARQUET_METADATA)
    rows = [
        {"created": datetime.fromtimestamp(moment(report), UTC), **row._asdict()}
        for report in reports
        for row in tidy_rows([report])
    ]
    sink = pa.BufferOutputStream()
    files.write_table(pa.Table.from_pylist(rows, schema), sink)
    return bytes(sink.getvalue())


def _only(reports: Sequence[Report]) -> Report:
    if len(reports) > 1:
        raise InputError("this format has the times of one report; name one, or take openmetrics")
    return reports[0]


def _times(report: Report) -> Iterator[TidyRow]:
    for row in tidy_rows([report]):
        if row.unit == "ms" and row.status in {"ok", "quoted"} and row.median is not None:
            yield row


def _name(of: TidyRow | CellLabel, further: Sequence[str] = ()) -> str:
    """Return all that identifies a time, so that it is the same one in each report."""
    return " ".join(clean(f"{name}={value}") for name, value in _fields(of, further))


def _fields(of: TidyRow | CellLabel, further: Sequence[str]) -> Iterator[tuple[str, str]]:
    is_load = of.scenario != "single-stream" or of.instances != 1
    for name in (*IDENTITY, *(LOAD if is_load else ("kind",)), *further):
        if (value := getattr(of, name)) is not None:
            yield name, str(value)
