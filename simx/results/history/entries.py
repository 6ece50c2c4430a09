"""What a history needs of a report: far less than the report, so that thousands are at hand."""

import math

import msgspec

from simx.results.comparison.digest import Digest
from simx.results.schema.environment import Environment
from simx.results.schema.report import MeasuredCell
from simx.results.summaries.summary import CellLabel, TargetId, label

ENTRY_VERSION = 2
"""Raised with every change of what an entry holds, or of how its figures are derived."""


class Point(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One cell's ``forward``: the mean logarithm of nanoseconds, and its standard error.

    ``error`` is None for a single launch. ``graph`` is the hash of the file that ran.
    """

    cell: CellLabel
    graph: str | None
    log: float
    error: float | None


class Entry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One report. ``canaries`` are nanoseconds by target; ``disturbed`` cells are left out."""

    created: str
    simx: str
    environment: Environment | None
    canaries: tuple[tuple[TargetId, float], ...]
    points: tuple[Point, ...]
    disturbed: int = 0


class Stored(msgspec.Struct, frozen=True):
    """One report's entry, and the name of its file."""

    name: str
    entry: Entry


def entry(of: Digest) -> Entry:
    """Return what a history needs of a digested report.

    Cells of which most rounds were disturbed, that failed, or whose machine was busy have no point.
    """
    points = []
    for each in of.cells:
        forward = next((time for time in each.times if time.scope == "forward"), None)
        if forward is None or each.noisy:
            continue
        part = forward.variance_of_mean
        graph = each.cell.artefact_sha256 if isinstance(each.cell, MeasuredCell) else None
        points.append(
            Point(
                cell=label(each.cell),
                graph=graph,
                log=forward.mean,
                error=None if part is None else math.sqrt(part[0]),
            )
        )
    return Entry(
        created=of.report.created,
        simx=of.report.simx,
        environment=of.report.environment,
        canaries=of.canaries,
        points=tuple(points),
        disturbed=sum(each.noisy or each.busy for each in of.cells),
    )
