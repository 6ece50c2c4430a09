"""Renders reports as tidy CSV: one row for each cell, scope and image, for other programs.

Quoting is that of RFC 4180; lines end in a line feed alone, as Unix tools expect.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from simx.models.pictures import COMPARED_IMAGES
from simx.report.formats.comma_separated import LOAD, field, figure, identity_fields, safe, written
from simx.report.words.figures import is_imprecise
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.files.assembly import forward_of
from simx.results.schema.report import Cell, FailedCell, MeasuredCell, QuotedCell, Report
from simx.results.schema.times import FORWARD
from simx.results.statistics.device_events import typical_device_ns
from simx.results.statistics.energy import energy_per_picture
from simx.results.statistics.estimates import minimum
from simx.results.statistics.noise import page_faults
from simx.results.statistics.percentiles import percentiles
from simx.results.summaries.backbones import holding
from simx.results.summaries.counted import CountedBackbone, CountedReport, Launches
from simx.results.summaries.summary import TargetId, target_of

STATISTICS = ("launches", "n", "median", "ci_low", "ci_high", "p90", "p95", "p99", "min")

PERCENTILES = (0.90, 0.95, 0.99)


class TidyRow(NamedTuple):
    """One row of a report's CSV: one cell, scope and image.

    Times are milliseconds per call, with the ends of the 95 % interval; ``n`` counts calls. A
    figure that is no time has its name in ``scope`` and its value in ``median``;
    ``pictures_per_second``, of the calls of ``forward``, and ``energy_per_picture`` have an
    interval too. What a row does not
    have is None. ``status`` is ``ok``, ``failed`` or ``quoted``; of a time or its throughput also
    ``busy``, where the machine was too busy for it to mean anything, or ``imprecise``, where the
    ends of its interval are more than a factor of 2 apart. ``weights_origin`` is ``pretrained``,
    ``file`` or ``random``: similarities of random weights mean nothing, and accuracies beside them
    are those of the pretrained ones.
    """

    model: str
    weights: str
    embedding: str
    backend: str
    provider: str
    precision: str
    batch: int
    threads: int | None
    status: str
    scope: str | None
    image: str | None
    unit: str | None
    launches: int | None
    n: int | None
    median: float | None
    ci_low: float | None
    ci_high: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    min: float | None
    weights_origin: str | None
    weights_sha256: str | None
    instances: int
    scenario: str
    rate: float | None
    latency_bound: float | None
    shared_session: bool


HEADER = TidyRow._fields


def to_string(reports: Sequence[Report]) -> str:
    """Return the rows of all reports under one header, each as ``TidyRow`` has it.

    Times are without disturbed ones, with percentiles where the samples carry them; a quoted time
    has its median alone. A failed cell has a single row.
    """
    return written(HEADER, (row for report in reports for row in _report_rows(report)))


def tidy_rows(reports: Sequence[Report]) -> Iterator[TidyRow]:
    """Yield the same rows as records; text that looks like a formula has its apostrophe."""
    _, *lines = csv.reader(to_string(reports).splitlines())
    names = HEADER.index("batch")  # in front of it are texts, which may be empty
    for line in lines:
        values = [*line[:names], *(value or None for value in line[names:])]
        yield msgspec.convert(values, TidyRow, strict=False)


def _report_rows(report: Report) -> Iterator[list[str]]:
    counted = CountedReport(report)
    for cell in report.cells:
        rows = _cell_rows(cell, counted.by_cell[cell.identity], counted)
        weights = (cell.weights_origin or "", safe(getattr(cell, "weights_sha256", "")))
        load = identity_fields(cell.identity, LOAD)
        yield from ([*identity_fields(cell.identity), *row, *weights, *load] for row in rows)


def _cell_rows(
    cell: Cell, backbone: CountedBackbone, counted: CountedReport
) -> Iterator[list[str]]:
    if isinstance(cell, FailedCell):
        yield ["failed", *[""] * 3, *[""] * len(STATISTICS)]
    elif isinstance(cell, QuotedCell):
        for time in cell.medians:
            median = f"{time.ns / NANOSECONDS_PER_MS:.{cell.decimals}f}"
            yield ["quoted", *_row(time.scope, time.image or "", "ms", median)]
        yield from (["quoted", *row] for row in _figure_rows(cell) if row[5])
    else:
        target = target_of(cell.identity)
        yield from _time_rows(target, backbone, counted)
        forward = backbone.times[target].get(FORWARD, ())
        rows = (*_figure_rows(cell), *_measured_rows(cell, forward))
        yield from (["ok", *row] for row in rows)


def _time_rows(
    target: TargetId, backbone: CountedBackbone, counted: CountedReport
) -> Iterator[list[str]]:
    for key, launches in backbone.times[target].items():
        if not launches:
            continue
        scope, image = key
        typical = counted.estimate(target, key, launches)
        figures = (
            typical.median_ns,
            typical.low_ns,
            typical.high_ns,
            *percentiles(launches, PERCENTILES),
            minimum(launches),
        )
        counts = (str(typical.launches), str(typical.calls))
        milliseconds = (figure(ns, NANOSECONDS_PER_MS) for ns in figures)
        status = "imprecise" if is_imprecise(typical) else "ok"
        if key in backbone.busy:
            status = "busy"
        yield [status, scope, image or "", "ms", *counts, *milliseconds]
        if key == FORWARD:
            pictures = 1e9 * backbone.cells[0].identity.batch
            ends = (typical.median_ns, typical.high_ns, typical.low_ns)
            rates = (figure(ns and pictures / ns) for ns in ends)
            yield [status, "pictures_per_second", "", "per second", *counts, *rates, *[""] * 4]


def _figure_rows(cell: MeasuredCell | QuotedCell) -> Iterator[list[str]]:
    for image in COMPARED_IMAGES:
        percent = field(getattr(cell.similarity, image))
        yield _row("similarity_percent", image, "percent", percent)
    yield _row("embedding_dim", "", "components", str(cell.embedding_dim))
    catalogue = holding(cell.catalogue, cell.weights_origin)
    yield _row("gflops", "", "GMACs", field(catalogue.gflops))
    yield _row("acc1", "", "percent", field(catalogue.acc1))
    yield _row("acc5", "", "percent", field(catalogue.acc5))


def _measured_rows(cell: MeasuredCell, forward: Launches) -> Iterator[list[str]]:
    yield _row("parity", "", "cosine", field(cell.parity.cosine))
    events = typical_device_ns(forward_of(cell))
    if events is not None:
        yield _row("device_events", "", "ms", field(events / NANOSECONDS_PER_MS))
    faults = page_faults(forward)
    if faults is not None:
        yield _row("page_faults", "", "per call", field(faults))
    if cell.memory is not None:
        yield _row("memory", "", "bytes", str(cell.memory.peak))
        if cell.memory.device is not None:
            yield _row("device_memory", "", "bytes", str(cell.memory.device.peak))
    if used := energy_per_picture(forward, cell.identity.batch):
        ends = map(figure, (used.joules, used.low, used.high))
        yield ["energy_per_picture", "", "joules", str(len(forward)), "", *ends, *[""] * 4]


def _row(scope: str, image: str, unit: str, value: str) -> list[str]:
    return [scope, image, unit, "", "", value, *[""] * 6]
