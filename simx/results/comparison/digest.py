"""What a comparison needs of a report: everything but the raw times, and those by launch.

A digest is small, so that the process that reads a report can hand it on.
"""

import math
from collections.abc import Mapping

import msgspec

from simx.common.errors import InputError
from simx.models.pictures import Image
from simx.results.schema.environment import Environment
from simx.results.schema.report import Cell, Identity, MeasuredCell, QuotedCell, Report
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import log_times
from simx.results.statistics.moderation import Part
from simx.results.statistics.round_filter import references
from simx.results.summaries.counted import CountedBackbone, CountedReport
from simx.results.summaries.kinds import parts
from simx.results.summaries.summary import TargetId, target_of

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

    ``spread`` is their variance, moderated by that of the report's other backbones; None for a
    single launch, as which a quoted median counts too.
    """

    scope: Scope
    image: Image | None
    logs: Mapping[int, float]
    spread: Part | None = None

    @property
    def mean(self) -> float:
        """Mean of the logarithms."""
        return math.fsum(self.logs.values()) / len(self.logs)

    @property
    def variance_of_mean(self) -> Part | None:
        """The variance of ``mean``."""
        if self.spread is None:
            return None
        variance, degrees = self.spread
        return variance / len(self.logs), degrees


class CellDigest(msgspec.Struct, frozen=True, kw_only=True):
    """One cell without raw times; ``noisy`` if most rounds of its backbone were disturbed.

    ``busy`` if the machine was too busy for some of its times, which are left out.
    """

    cell: Cell
    times: tuple[TimeDigest, ...]
    noisy: bool = False
    busy: bool = False

    @property
    def identity(self) -> Identity:
        """The cell's."""
        return self.cell.identity


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A report for comparison. ``report`` has no cells and no canaries.

    ``canaries`` are the times of an undisturbed canary, in nanoseconds, by target. There are
    none where each kind of nodes measured.
    """

    report: Report
    cells: tuple[CellDigest, ...]
    canaries: tuple[tuple[TargetId, float], ...]

    def environment_of(self, its: Identity) -> Environment | None:
        """Return the environment of a cell."""
        of_kinds = (kind.environment for kind in self.report.kinds if kind.name == its.kind)
        return next(of_kinds, self.report.environment)

    def kind_named(self, text: str) -> "Digest | None":
        """Return what the only kind of nodes with this in its name measured, if there is one."""
        kinds = self.report.kinds
        same = [kind for kind in kinds if text == kind.name]
        found = same or [kind for kind in kinds if text.lower() in kind.name.lower()]
        if len(found) != 1:
            return None
        (kind,) = found
        return Digest(
            report=msgspec.structs.replace(
                self.report, environment=kind.environment, kinds=(kind,)
            ),
            cells=tuple(cell for cell in self.cells if cell.identity.kind == kind.name),
            canaries=(),
        )

    def target_named(self, name: str) -> TargetId:
        """Return the target of a name such as ``ort cpu``; its backend suffices if it is the only.

        Raises:
            InputError: No target, or more than one, has the name.
        """
        targets = list(dict.fromkeys(target_of(cell.identity) for cell in self.cells))
        words = " ".join(name.split())
        found = [each for each in targets if words == each.name] or [
            each for each in targets if words == each.backend
        ]
        if len(found) != 1:
            known = ", ".join(f"'{each.name}'" for each in targets) or "none"
            which = "names several targets" if found else "names no target"
            raise InputError(f"{name!r} {which} of this report, which has {known}")
        return found[0]


def digest(report: Report) -> Digest:
    """Return what a comparison needs of a report."""
    of_kinds = parts(report)
    if of_kinds == (report,):
        return _digest(report)
    return Digest(
        report=msgspec.structs.replace(report, cells=(), canary=()),
        cells=tuple(cell for each in of_kinds for cell in _digest(each).cells),
        canaries=(),
    )


def _digest(report: Report) -> Digest:
    cells = (
        msgspec.structs.replace(
            cell, timings=tuple(each for each in cell.timings if each.scope in COMPARED_SCOPES)
        )
        if isinstance(cell, MeasuredCell)
        else cell
        for cell in report.cells
    )
    compared = msgspec.structs.replace(report, cells=tuple(cells))
    counted = CountedReport(compared)
    return Digest(
        report=msgspec.structs.replace(report, cells=(), canary=()),
        cells=tuple(
            _cell(cell, counted.by_cell[cell.identity], counted) for cell in compared.cells
        ),
        canaries=tuple((TargetId(*target), ns) for target, ns in references(report.canary).items()),
    )


def _cell(cell: Cell, backbone: CountedBackbone, counted: CountedReport) -> CellDigest:
    if not isinstance(cell, MeasuredCell):
        medians = cell.medians if isinstance(cell, QuotedCell) else ()
        times = [
            TimeDigest(scope=each.scope, image=each.image, logs={0: math.log(each.ns)})
            for each in medians
        ]
        return CellDigest(cell=cell, times=tuple(times))
    target = target_of(cell.identity)
    times = [
        TimeDigest(
            scope=key[0],
            image=key[1],
            logs=(logs := log_times(launches)),
            spread=counted.spread(target, key, logs),
        )
        for key in backbone.times[target]
        if (launches := backbone.of_scope(key).get(target))
    ]
    bare = msgspec.structs.replace(cell, timings=())
    return CellDigest(
        cell=bare,
        times=tuple(times),
        noisy=backbone.filtered.noisy,
        busy=not backbone.busy.keys().isdisjoint(backbone.times[target]),
    )
