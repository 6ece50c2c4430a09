"""What a comparison needs of a report: everything but the raw times, and those by launch.

A digest is small, so that the process that reads a report can hand it on.
"""

import math
from collections.abc import Mapping

import msgspec

from simx.models.pictures import Image
from simx.results.comparison.changes import Sample
from simx.results.schema.report import Cell, Identity, MeasuredCell, QuotedCell, Report
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import log_times
from simx.results.statistics.round_filter import references
from simx.results.summaries.derivation import Counted, counted_cells
from simx.results.summaries.summary import TargetId

COMPARED_SCOPES: tuple[Scope, ...] = (
    "forward",
    "host",
    "pipeline",
    "similarity",
    "similarity.host",
    "first",
)
"""Without stages: they are parts of the pipeline and of the first call, which are compared."""


class TimeDigest(msgspec.Struct, frozen=True, kw_only=True):
    """The undisturbed times of one scope: logarithms of nanoseconds per call, by launch index.

    A quoted median stands for a single launch.
    """

    scope: Scope
    image: Image | None
    logs: Mapping[int, float]


class CellDigest(msgspec.Struct, frozen=True, kw_only=True):
    """One cell without raw times; ``noisy`` if most rounds of its backbone were disturbed."""

    cell: Cell
    times: tuple[TimeDigest, ...]
    noisy: bool = False

    @property
    def identity(self) -> Identity:
        """The cell's."""
        return self.cell.identity


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A report for comparison. ``report`` has no cells and no canaries.

    ``canaries`` are the times of an undisturbed canary, in nanoseconds, by target.
    """

    report: Report
    cells: tuple[CellDigest, ...]
    canaries: tuple[tuple[TargetId, float], ...]

    def sample(self, time: TimeDigest) -> Sample:
        """Return a time's launches, ready for the statistics."""
        config = self.report.config
        return Sample(logs=time.logs, pilot=config.pilot if config else None)


def digest(report: Report) -> Digest:
    """Return what a comparison needs of a report."""
    times = counted_cells(_with_compared_scopes(report))
    return Digest(
        report=msgspec.structs.replace(report, cells=(), canary=()),
        cells=tuple(_cell(cell, times.get(cell.identity)) for cell in report.cells),
        canaries=tuple((TargetId(*target), ns) for target, ns in references(report.canary).items()),
    )


def _with_compared_scopes(report: Report) -> Report:
    cells: list[Cell] = []
    for cell in report.cells:
        if isinstance(cell, MeasuredCell):
            timings = tuple(each for each in cell.timings if each.scope in COMPARED_SCOPES)
            cells.append(msgspec.structs.replace(cell, timings=timings))
        else:
            cells.append(cell)
    return msgspec.structs.replace(report, cells=tuple(cells))


def _cell(cell: Cell, counted: Counted | None) -> CellDigest:
    if isinstance(cell, MeasuredCell) and counted is not None:
        logs = {key: log_times(launches) for key, launches in counted.times.items() if launches}
        cell, noisy = msgspec.structs.replace(cell, timings=()), counted.noisy
    else:
        medians = cell.medians if isinstance(cell, QuotedCell) else ()
        logs = {(median.scope, median.image): {0: math.log(median.ns)} for median in medians}
        noisy = False
    times = (TimeDigest(scope=key[0], image=key[1], logs=found) for key, found in logs.items())
    return CellDigest(cell=cell, times=tuple(times), noisy=noisy)
