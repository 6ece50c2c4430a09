"""Digests of made-up reports, for the tests of whatever compares them."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from simx.models.pictures import Image
from simx.models.ranges import DEFAULT_RANGES
from simx.results.comparison.compare import ComparisonCriteria, Named, compare
from simx.results.comparison.digest import CellDigest, Digest, TimeDigest
from simx.results.comparison.names import DifferenceName
from simx.results.comparison.outcome import Comparison
from simx.results.schema.report import Cell, Identity, MeasuredCell
from simx.results.schema.times import Scope
from simx.results.statistics.moderation import spread
from simx.results.summaries.summary import TargetId
from tests.results.builders import identity, measured, report

Times = Mapping[tuple[Scope, Image | None], Sequence[float]]


def cell(
    model: str = "resnet18",
    milliseconds: float = 50.0,
    *,
    its: Identity | None = None,
    spread: float = 0.002,
    of: Cell | None = None,
    times: Times | None = None,
) -> CellDigest:
    """Return a cell whose five launches lie evenly around a time."""
    steps = [spread * (place - 2) for place in range(5)]
    forward = [milliseconds * math.exp(step) for step in steps]
    digested = {("forward", None): forward, **(times or {})}
    return CellDigest(
        cell=of or without_times(its or identity(model)),
        times=tuple(
            time_digest(scope, image, [math.log(each * 1e6) for each in found])
            for (scope, image), found in digested.items()
        ),
    )


def time_digest(scope: Scope, image: Image | None, logs: Sequence[float]) -> TimeDigest:
    by_launch = dict(enumerate(logs))
    return TimeDigest(scope=scope, image=image, logs=by_launch, spread=spread(by_launch))


def without_times(its: Identity) -> MeasuredCell:
    return msgspec.structs.replace(measured(its), timings=())


def digest(*cells: CellDigest, canary_ns: float | None = None, created: str = "") -> Digest:
    """Return a report; ``created`` tells runs apart that are alike otherwise."""
    target = TargetId("torch", "CPUExecutionProvider")
    return Digest(
        report=msgspec.structs.replace(report(), created=created or "2026-01-05T12:00:00Z"),
        cells=cells,
        canaries=() if canary_ns is None else ((target, canary_ns),),
    )


LATER = "2026-01-06T12:00:00Z"
LAST = "2026-01-07T12:00:00Z"


def compared(
    base: Digest,
    new: Digest,
    *allow: DifferenceName,
    threshold: float = 0.03,
    repeats: Sequence[Digest] = (),
) -> Comparison:
    criteria = ComparisonCriteria(
        threshold=threshold, ranges=DEFAULT_RANGES, allow=frozenset(allow)
    )
    return compare(Named("old.json", base), Named("new.json", new), criteria, repeats)
