"""Renders reports as tidy CSV: one row for each cell, scope and image, for other programs.

Quoting is that of RFC 4180; lines end in a line feed alone, as Unix tools expect.
"""

from collections.abc import Iterator, Sequence

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.report.formats.comma_separated import safe, written
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.files.assembly import forward_of
from simx.results.schema.report import Cell, FailedCell, MeasuredCell, QuotedCell, Report
from simx.results.statistics.device_events import typical_device_ns
from simx.results.statistics.estimates import estimate, minimum
from simx.results.statistics.percentiles import percentiles
from simx.results.summaries.backbones import Timings
from simx.results.summaries.derivation import counted

HEADER = (
    "model",
    "weights",
    "embedding",
    "backend",
    "provider",
    "precision",
    "batch",
    "threads",
    "status",
    "scope",
    "image",
    "unit",
    "launches",
    "n",
    "median",
    "ci_low",
    "ci_high",
    "p90",
    "p95",
    "p99",
    "min",
)

PERCENTILES = (0.90, 0.95, 0.99)


def to_string(reports: Sequence[Report]) -> str:
    """Return the rows of all reports under one header; a failed cell has a single row.

    Times are in milliseconds per call, of what was not disturbed, with the interval's ends where
    there is one and percentiles where the samples carry them; ``n`` counts calls. What is no time
    has its value in ``median``, which is all that a quoted time has.
    """
    rows = (row for report in reports for row in _report_rows(report))
    return written(HEADER, rows)


def _report_rows(report: Report) -> Iterator[list[str]]:
    times = counted(report)
    for cell in report.cells:
        rows = _cell_rows(cell, times.get(cell.identity, {}), report)
        yield from ([*_identity(cell), *row] for row in rows)


def _identity(cell: Cell) -> list[str]:
    values = (getattr(cell.identity, name) for name in HEADER[:8])
    return ["" if value is None else safe(str(value)) for value in values]


def _cell_rows(cell: Cell, times: Timings, report: Report) -> Iterator[list[str]]:
    if isinstance(cell, FailedCell):
        yield ["failed", *[""] * 12]
    elif isinstance(cell, QuotedCell):
        rows = (*_quoted_rows(cell), *(row for row in _figure_rows(cell) if row[5]))
        yield from (["quoted", *row] for row in rows)
    else:
        pilot = report.config.pilot if report.config else None
        rows = (*_time_rows(times, pilot), *_figure_rows(cell), *_measured_rows(cell))
        yield from (["ok", *row] for row in rows)


def _quoted_rows(cell: QuotedCell) -> Iterator[list[str]]:
    for time in cell.medians:
        median = f"{time.ns / NANOSECONDS_PER_MS:.{cell.decimals}f}"
        yield [time.scope, time.image or "", "ms", "", "", median, *[""] * 6]


def _time_rows(times: Timings, pilot: int | None) -> Iterator[list[str]]:
    for (scope, image), launches in times.items():
        if not launches:
            continue
        typical = estimate(launches, pilot)
        tails = percentiles(launches, PERCENTILES)
        yield [
            scope,
            image or "",
            "ms",
            str(typical.launches),
            str(typical.calls),
            *map(_milliseconds, (typical.median_ns, typical.low_ns, typical.high_ns)),
            *(_milliseconds(tail.value_ns if tail else None) for tail in tails),
            _milliseconds(minimum(launches)),
        ]


def _figure_rows(cell: MeasuredCell | QuotedCell) -> Iterator[list[str]]:
    figures: list[tuple[str, Image | None, str, float | None]] = [
        *(
            ("similarity_percent", image, "percent", getattr(cell.similarity, image))
            for image in COMPARED_IMAGES
        ),
        ("embedding_dim", None, "components", cell.embedding_dim),
        ("gflops", None, "GMACs", cell.catalogue.gflops),
        ("acc1", None, "percent", cell.catalogue.acc1),
        ("acc5", None, "percent", cell.catalogue.acc5),
    ]
    for scope, image, unit, value in figures:
        yield _figure_row(scope, image or "", unit, value)


def _measured_rows(cell: MeasuredCell) -> Iterator[list[str]]:
    yield _figure_row("parity", "", "cosine", cell.parity.cosine)
    events = typical_device_ns(forward_of(cell))
    if events is not None:
        yield _figure_row("device_events", "", "ms", events / NANOSECONDS_PER_MS)
    memory = cell.memory
    if memory is not None:
        yield _figure_row("memory", "", "bytes", memory.peak)
    if memory is not None and memory.device is not None:
        yield _figure_row("device_memory", "", "bytes", memory.device.peak)


def _figure_row(scope: str, image: str, unit: str, value: float | None) -> list[str]:
    median = "" if value is None else str(value) if isinstance(value, int) else f"{value:.9g}"
    return [scope, image, unit, "", "", median, *[""] * 6]


def _milliseconds(nanoseconds: float | None) -> str:
    return "" if nanoseconds is None else f"{nanoseconds / NANOSECONDS_PER_MS:.6f}"
