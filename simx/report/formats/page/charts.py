"""What the page's charts draw, as data: one record for each cell, in the order of the tables."""

from collections.abc import Callable, Sequence

import msgspec

from simx.common.safe_text import clean
from simx.models.pictures import IMAGES, Image
from simx.report.formats.page.raw_times import RawTimes, raw_times
from simx.report.words.names import backbone_name, target_name
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.times import Launch
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.decision import latency
from simx.results.summaries.selection_criteria import LatencyOf
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    ImageSummary,
    MeasuredSummary,
    RangeSummary,
    TargetId,
)

Interval = tuple[float, float | None, float | None]
"""Milliseconds: an estimate and the ends of its interval."""

Stages = tuple[float, float, float]
"""Milliseconds: decode, preprocess, forward."""


class ChartCell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cell; ``target``, ``range`` and ``family`` are places in ``ChartData``'s lists.

    ``unbeaten`` says that no backbone on the same target beats it.
    """

    name: str
    target: int
    range: int
    family: int
    gflops: float
    acc1: float | None = None
    time: Interval | None = None
    unbeaten: bool = False
    stages: dict[Image, Stages] = {}
    raw: RawTimes | None = None


class ChartData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is drawn of one report, and the names to filter it by."""

    targets: tuple[str, ...]
    ranges: tuple[str, ...]
    families: tuple[str, ...]
    cells: tuple[ChartCell, ...]


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What the charts need to know of cells beyond their summaries.

    ``unbeaten`` says whether nothing beats a cell, ``forward`` returns the launches that count.
    """

    latency_of: LatencyOf
    unbeaten: Callable[[BackboneSummary, TargetId], bool]
    forward: Callable[[BackboneSummary, TargetId], Sequence[Launch]]


def chart_data(
    ranges: Sequence[RangeSummary], targets: Sequence[TargetId], sources: Sources
) -> ChartData:
    """Return what is drawn of a report whose ranges and targets these are."""
    families = sorted({family_name(backbone) for of in ranges for backbone in of.backbones})
    cells = (
        _cell(backbone, cell, sources, (targets.index(cell.target), place, family))
        for place, of in enumerate(ranges)
        for backbone in of.backbones
        for family in (families.index(family_name(backbone)),)
        for cell in backbone.cells
    )
    return ChartData(
        targets=tuple(map(target_name, targets)),
        ranges=tuple(clean(of.label) for of in ranges),
        families=tuple(families),
        cells=tuple(cells),
    )


def family_name(backbone: BackboneSummary) -> str:
    """Return the family a backbone belongs to, safe to print."""
    return clean(backbone.catalogue.family)


def _cell(
    backbone: BackboneSummary,
    cell: MeasuredSummary | FailedSummary,
    sources: Sources,
    places: tuple[int, int, int],
) -> ChartCell:
    """Return one cell's record; ``places`` are its target's, range's and family's."""
    target, in_range, family = places
    drawn = ChartCell(
        name=backbone_name(backbone),
        target=target,
        range=in_range,
        family=family,
        gflops=backbone.catalogue.gflops,
        acc1=backbone.catalogue.acc1,
    )
    if isinstance(cell, FailedSummary):
        return drawn
    stages = {image: _stages(cell.images[image]) for image in IMAGES}
    return msgspec.structs.replace(
        drawn,
        time=_interval(latency(cell, sources.latency_of)),
        unbeaten=sources.unbeaten(backbone, cell.target),
        stages={image: of_image for image, of_image in stages.items() if of_image},
        raw=raw_times(sources.forward(backbone, cell.target)),
    )


def _interval(time: Estimate | None) -> Interval | None:
    if time is None:
        return None
    low, high = (None if end is None else _milliseconds(end) for end in (time.low_ns, time.high_ns))
    return (_milliseconds(time.median_ns), low, high)


def _stages(of_image: ImageSummary) -> Stages | None:
    decode, preprocess, forward = of_image.decode, of_image.preprocess, of_image.forward
    if decode is None or preprocess is None or forward is None:
        return None
    return (
        _milliseconds(decode.median_ns),
        _milliseconds(preprocess.median_ns),
        _milliseconds(forward.median_ns),
    )


def _milliseconds(nanoseconds: float) -> float:
    """Return milliseconds with the digits that a chart can show."""
    return float(f"{nanoseconds / NANOSECONDS_PER_MS:.5g}")
