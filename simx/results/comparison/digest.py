"""What a comparison needs of a report: everything but the raw times, and those by launch.

A digest is small, so that it can be made where the report was read and handed on.
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

COMPARED_SCOPES: tuple[Scope, ...] = (
    "forward",
    "host",
    "pipeline",
    "similarity",
    "similarity.host",
    "first",
)
"""Stages are left out: they are parts of the pipeline and of the first call, which are compared."""


class TimeDigest(msgspec.Struct, frozen=True, kw_only=True):
    """The undisturbed times of one scope: the logarithm of each launch's nanoseconds per call.

    By the launch's index. A quoted median stands for a single launch.
    """

    scope: Scope
    image: Image | None
    logs: Mapping[int, float]


class CellDigest(msgspec.Struct, frozen=True, kw_only=True):
    """One cell: what is known of it, without raw times, and what its times amount to.

    ``noisy`` tells that most rounds of its backbone were disturbed.
    """

    cell: Cell
    times: tuple[TimeDigest, ...]
    noisy: bool = False

    @property
    def identity(self) -> Identity:
        """What makes it a cell."""
        return self.cell.identity


class CanaryDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What an undisturbed canary took on one backend and provider, in nanoseconds."""

    backend: str
    provider: str
    ns: float


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A report for comparison. ``report`` has no cells and no canaries."""

    report: Report
    cells: tuple[CellDigest, ...]
    canaries: tuple[CanaryDigest, ...]

    @property
    def pilot(self) -> int | None:
        """How many launches fixed their number."""
        return self.report.config.pilot if self.report.config else None

    def sample(self, time: TimeDigest) -> Sample:
        """Return a time's launches, ready for the statistics."""
        return Sample(logs=time.logs, pilot=self.pilot)


def digest(report: Report) -> Digest:
    """Return what a comparison needs of a report."""
    times = counted_cells(_with_compared_scopes(report))
    return Digest(
        report=msgspec.structs.replace(report, cells=(), canary=()),
        cells=tuple(_cell(cell, times.get(cell.identity)) for cell in report.cells),
        canaries=tuple(
            CanaryDigest(backend=backend, provider=provider, ns=ns)
            for (backend, provider), ns in references(report.canary).items()
        ),
    )


def _with_compared_scopes(report: Report) -> Report:
    """Leave out the times that nothing looks at."""
    return msgspec.structs.replace(
        report,
        cells=tuple(
            msgspec.structs.replace(
                cell,
                timings=tuple(each for each in cell.timings if each.scope in COMPARED_SCOPES),
            )
            if isinstance(cell, MeasuredCell)
            else cell
            for cell in report.cells
        ),
    )


def _cell(cell: Cell, counted: Counted | None) -> CellDigest:
    if isinstance(cell, MeasuredCell) and counted is not None:
        return CellDigest(
            cell=msgspec.structs.replace(cell, timings=()),
            times=tuple(
                TimeDigest(scope=scope, image=image, logs=log_times(launches))
                for (scope, image), launches in counted.times.items()
                if launches
            ),
            noisy=counted.noisy,
        )
    medians = cell.medians if isinstance(cell, QuotedCell) else ()
    return CellDigest(
        cell=cell,
        times=tuple(
            TimeDigest(scope=median.scope, image=median.image, logs={0: math.log(median.ns)})
            for median in medians
        ),
    )
