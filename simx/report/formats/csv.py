"""Renders reports as tidy CSV: one row for each cell, scope and image, for other programs.

Quoting is that of RFC 4180; lines end in a line feed alone, as Unix tools expect.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from simx.models.pictures import COMPARED_IMAGES
from simx.report.formats.comma_separated import field, figure, identity_fields, safe, written
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
from simx.results.summaries.kinds import cost, parts
from simx.results.summaries.summary import TargetId, pictures_of, target_of

STATISTICS = ("median", "ci_low", "ci_high", "p90", "p95", "p99", "min")

PERCENTILES = (0.90, 0.95, 0.99)

_Row = dict[str, str]


class TidyRow(NamedTuple):
    """One row of a report's CSV: one cell, scope and image.

    Times are milliseconds per call, with the ends of the 95 % interval; ``n`` counts calls. A
    figure that is no time has its name in ``scope`` and its value in ``median``;
    ``pictures_per_second`` and ``cost_per_million_pictures``, by the calls of ``forward``, and
    ``energy_per_picture`` have an interval too. What a row does not have is None. ``status`` is
    ``ok``, ``failed`` or ``quoted``; of a time or its throughput also ``busy``, where the machine
    was too busy for it to mean anything, or ``imprecise``, where the ends of its interval are more
    than a factor of 2 apart. ``weights_origin`` is ``pretrained``, ``file`` or ``random``:
    similarities of random weights mean nothing, and accuracies beside them are those of the
    pretrained ones.
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
    kind: str | None


HEADER = TidyRow._fields


def to_string(reports: Sequence[Report]) -> str:
    """Return the rows of all reports under one header, each as ``TidyRow`` has it.

    Times are without disturbed ones, with percentiles where the samples carry them; a quoted time
    has its median alone. A failed cell has a single row.
    """
    return written(HEADER, (row for report in reports for row in _report_rows(report)))


def tidy_rows(reports: Sequence[Report]) -> Iterator[TidyRow]:
    """Yield the same rows as records; text that looks like a formula has its apostrophe."""
    texts = HEADER.index("batch")  # in front of it are texts, which may be empty
    for row in (row for report in reports for row in _report_rows(report)):
        values = [row.get(name, "") for name in HEADER]
        known = [*values[:texts], *(value or None for value in values[texts:])]
        yield msgspec.convert(known, TidyRow, strict=False)


def _report_rows(report: Report) -> Iterator[_Row]:
    for part in parts(report):
        yield from _part_rows(part)


def _part_rows(report: Report) -> Iterator[_Row]:
    counted = CountedReport(report)
    for cell in report.cells:
        its = {
            **identity_fields(cell.identity),
            "weights_origin": cell.weights_origin or "",
            "weights_sha256": safe(getattr(cell, "weights_sha256", "")),
        }
        rows = _cell_rows(cell, counted.by_cell[cell.identity], counted)
        yield from (its | row for row in rows)


def _cell_rows(cell: Cell, backbone: CountedBackbone, counted: CountedReport) -> Iterator[_Row]:
    if isinstance(cell, FailedCell):
        yield {"status": "failed"}
    elif isinstance(cell, QuotedCell):
        for time in cell.medians:
            median = f"{time.ns / NANOSECONDS_PER_MS:.{cell.decimals}f}"
            yield _row(time.scope, "ms", median, time.image, status="quoted")
        rows = _figure_rows(cell)
        yield from (row | {"status": "quoted"} for row in rows if row["median"])
    else:
        target = target_of(cell.identity)
        yield from _time_rows(target, backbone, counted)
        yield from _figure_rows(cell)
        yield from _measured_rows(cell, backbone.times[target].get(FORWARD, ()))


def _time_rows(
    target: TargetId, backbone: CountedBackbone, counted: CountedReport
) -> Iterator[_Row]:
    for key, launches in backbone.times[target].items():
        if not launches:
            continue
        scope, image = key
        typical = counted.estimate(target, key, launches)
        ends = (typical.median_ns, typical.low_ns, typical.high_ns)
        times = (*ends, *percentiles(launches, PERCENTILES), minimum(launches))
        status = "busy" if key in backbone.busy else "imprecise" if is_imprecise(typical) else "ok"
        of = {"status": status, "launches": str(typical.launches), "n": str(typical.calls)}
        milliseconds = (figure(ns, NANOSECONDS_PER_MS) for ns in times)
        yield _row(scope, "ms", "", image) | of | dict(zip(STATISTICS, milliseconds, strict=True))
        if key == FORWARD:
            its = backbone.cells[0].identity
            pictures = pictures_of(its)
            ends = (typical.median_ns, typical.high_ns, typical.low_ns)
            rates = (figure(ns and 1e9 * pictures / ns) for ns in ends)
            per_second = dict(zip(STATISTICS, rates, strict=False))
            yield _row("pictures_per_second", "per second", "") | of | per_second
            if (price := counted.price) and its.rate is None:
                its_cost = cost(typical, pictures, price)
                ends = (its_cost.median_ns, its_cost.low_ns, its_cost.high_ns)
                found = dict(zip(STATISTICS, map(figure, ends), strict=False))
                yield _row("cost_per_million_pictures", price.currency, "") | of | found


def _figure_rows(cell: MeasuredCell | QuotedCell) -> Iterator[_Row]:
    for image in COMPARED_IMAGES:
        percent = field(getattr(cell.similarity, image))
        yield _row("similarity_percent", "percent", percent, image)
    yield _row("embedding_dim", "components", str(cell.embedding_dim))
    catalogue = holding(cell.catalogue, cell.weights_origin)
    for name, unit in (("gflops", "GMACs"), ("acc1", "percent"), ("acc5", "percent")):
        yield _row(name, unit, field(getattr(catalogue, name)))


def _measured_rows(cell: MeasuredCell, forward: Launches) -> Iterator[_Row]:
    yield _row("parity", "cosine", field(cell.parity.cosine))
    events = typical_device_ns(forward_of(cell))
    if events is not None:
        yield _row("device_events", "ms", field(events / NANOSECONDS_PER_MS))
    faults = page_faults(forward)
    if faults is not None:
        yield _row("page_faults", "per call", field(faults))
    if cell.memory is not None:
        yield _row("memory", "bytes", str(cell.memory.peak))
        if cell.memory.device is not None:
            yield _row("device_memory", "bytes", str(cell.memory.device.peak))
    if used := energy_per_picture(forward, cell.identity.batch):
        ends = map(figure, (used.joules, used.low, used.high))
        joules = dict(zip(STATISTICS, ends, strict=False)) | {"launches": str(len(forward))}
        yield _row("energy_per_picture", "joules", "") | joules


def _row(scope: str, unit: str, value: str, image: str | None = None, status: str = "ok") -> _Row:
    its = {"status": status, "scope": scope, "image": image or "", "unit": unit}
    return its | {"median": value}
