"""What the figures of one GFLOPS range amount to, derived from its summary alone. Pure.

``simx.report`` has the words. Random weights do not count for similarities.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.schema.times import FORWARD, Scope, TimeKey
from simx.results.statistics.drift import torch_beside
from simx.results.statistics.estimates import Estimate, Ratio, fastest
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary, RangeSummary, TargetId

HIGH_PERCENT = 80.0
"""A similarity with the positive is high from here on."""

ALMOST_POINTS = 2.0
"""How far below that, in percentage points, it almost is."""

DIFFERENCE_POINTS = 0.1
"""Percentage points by which the similarities of two backends may differ unmentioned. Within the
bounds of parity (a relative error of 1e-4 in each of two vectors) the cosine of each is off by 0.02
points at the most."""

TIMED: tuple[TimeKey, ...] = (
    FORWARD,
    *(("pipeline", image) for image in COMPARED_IMAGES),
    *(("similarity", image) for image in COMPARED_IMAGES),
)
"""The times whose smallest is a finding."""


class Smallest(msgspec.Struct, frozen=True, kw_only=True):
    """Which backbones have the smallest time of a scope on a target.

    ``leaders`` have it: one, or quoted ones with the same median. ``tied`` ones are not clearly
    slower, ``others`` are. Quoted times have medians alone, so none is tied. ``decimals`` are those
    of the quotation, None for a measured time.
    """

    target: TargetId
    scope: Scope
    image: Image | None
    time: Estimate
    decimals: int | None
    leaders: tuple[BackboneSummary, ...]
    tied: tuple[BackboneSummary, ...]
    others: tuple[BackboneSummary, ...]


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone's similarity of the anchor with a picture, in percent."""

    backbone: BackboneSummary
    cell: MeasuredSummary
    image: Image
    percent: float


class Extremes(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest and the largest value of a range, and the backbones that have them."""

    low: float
    lowest: tuple[BackboneSummary, ...]
    high: float
    highest: tuple[BackboneSummary, ...]


class Slower(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone that runs slower on ONNX Runtime than on torch, or in a precision than in fp32.

    ``speed`` is how many times as fast it is; all of its interval is below 1.
    """

    backbone: BackboneSummary
    target: TargetId
    than: TargetId
    speed: Ratio


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone's margin in another precision and in fp32, in percentage points."""

    backbone: BackboneSummary
    target: TargetId
    margin: float
    in_full: float


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """The two backends, of one precision, whose similarities differ the most, and by too much."""

    lower: Similar
    higher: Similar


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of a range. ``margin`` is in percentage points.

    ``high`` and ``almost`` are similarities with the positive, ``negative`` those below 0.
    """

    smallest: tuple[Smallest, ...]
    negative: tuple[Similar, ...]
    high: tuple[Similar, ...]
    almost: tuple[Similar, ...]
    dimension: Extremes | None
    margin: Extremes | None
    slower: tuple[Slower, ...]
    costs: tuple[Cost, ...]
    differing: tuple[Differing, ...]


def findings(summary: RangeSummary) -> Findings:
    """Return what the figures of a range amount to, backbones in the order of its table."""
    backbones = summary.backbones
    # On the first target that has one: other targets' are the same up to rounding.
    similar = [
        each
        for image in COMPARED_IMAGES
        for backbone in backbones
        for each in islice(_similarities_of(backbone, image), 1)
    ]
    positives = [each for each in similar if each.image == "positive"]
    almost = HIGH_PERCENT - ALMOST_POINTS
    return Findings(
        smallest=tuple(_smallest(summary)),
        negative=tuple(each for each in similar if each.percent < 0),
        high=tuple(each for each in positives if each.percent >= HIGH_PERCENT),
        almost=tuple(each for each in positives if almost <= each.percent < HIGH_PERCENT),
        dimension=_extremes(backbones, lambda cell: cell.embedding_dim),
        margin=_extremes(backbones, lambda cell: cell.margin if _is_trained(cell) else None),
        slower=tuple(_slower(backbones)),
        costs=tuple(_costs(backbones)),
        differing=tuple(_differing(backbones)),
    )


_Timed = tuple[BackboneSummary, MeasuredSummary, Estimate]


def _smallest(summary: RangeSummary) -> Iterator[Smallest]:
    for target, drift in summary.drift.items():
        for scope, image in TIMED:
            timed = [
                (backbone, cell, time)
                for backbone in summary.backbones
                for cell in backbone.measured
                if cell.target == target and (time := cell.times.get((scope, image)))
            ]
            found = _smallest_of(timed, scope, image, drift) if timed else None
            if found and (found.tied or found.others):
                yield found


def _smallest_of(
    timed: Sequence[_Timed], scope: Scope, image: Image | None, drift: float
) -> Smallest:
    _, cell, best = min(timed, key=lambda each: each[2].median_ns)
    times = [time for _, _, time in timed]
    order = fastest(times, drift)
    leaders, tied = order[:1], order[1:]
    if cell.decimals is not None:
        leaders = tuple(at for at, time in enumerate(times) if time.median_ns == best.median_ns)
        tied = ()

    def of(places: Iterable[int]) -> tuple[BackboneSummary, ...]:
        return tuple(timed[place][0] for place in sorted(places))

    return Smallest(
        target=cell.target,
        scope=scope,
        image=image,
        time=best,
        decimals=cell.decimals,
        leaders=of(leaders),
        tied=of(tied),
        others=of({*range(len(timed))} - {*leaders, *tied}),
    )


def _similarities_of(backbone: BackboneSummary, image: Image) -> Iterator[Similar]:
    for cell in _fp32_first(backbone):
        percent = getattr(cell.similarity, image)
        if percent is not None and _is_trained(cell):
            yield Similar(backbone=backbone, cell=cell, image=image, percent=percent)


def _is_trained(cell: MeasuredSummary) -> bool:
    return cell.weights_origin != "random"


def _fp32_first(backbone: BackboneSummary) -> list[MeasuredSummary]:
    return sorted(backbone.measured, key=lambda cell: cell.target.is_reduced)


def _extremes(
    backbones: Sequence[BackboneSummary], read: Callable[[MeasuredSummary], float | None]
) -> Extremes | None:
    """Return the smallest and the largest of a figure; None if there are no two different ones."""
    found = (
        (backbone, [value for cell in _fp32_first(backbone) if (value := read(cell)) is not None])
        for backbone in backbones
    )
    firsts = [(backbone, values[0]) for backbone, values in found if values]
    values = {value for _, value in firsts}
    if len(values) < 2:  # noqa: PLR2004 - extremes take two
        return None
    low, high = min(values), max(values)
    return Extremes(
        low=low,
        lowest=tuple(backbone for backbone, value in firsts if value == low),
        high=high,
        highest=tuple(backbone for backbone, value in firsts if value == high),
    )


def _slower(backbones: Sequence[BackboneSummary]) -> Iterator[Slower]:
    for backbone in backbones:
        for cell in backbone.measured:
            target = cell.target
            speeds = [(target.in_full, cell.speed_to_fp32)]
            if target.backend.partition(":")[0] == "ort":
                speeds.insert(0, (torch_beside(target), cell.speed_to_torch))
            for than, speed in speeds:
                if speed and speed.high is not None and speed.high < 1:
                    yield Slower(backbone=backbone, target=target, than=than, speed=speed)


def _costs(backbones: Sequence[BackboneSummary]) -> Iterator[Cost]:
    for backbone in backbones:
        full = [cell for cell in backbone.measured if not cell.target.is_reduced]
        in_full = next((cell.margin for cell in full if cell.margin is not None), None)
        for cell in backbone.measured:
            margin = cell.margin if cell.target.is_reduced and _is_trained(cell) else None
            if margin is not None and in_full is not None:
                yield Cost(backbone=backbone, target=cell.target, margin=margin, in_full=in_full)


def _differing(backbones: Sequence[BackboneSummary]) -> Iterator[Differing]:
    for backbone in backbones:
        for precision in dict.fromkeys(cell.target.precision for cell in backbone.measured):
            for image in COMPARED_IMAGES:
                similar = _similarities_of(backbone, image)
                found = [each for each in similar if each.cell.target.precision == precision]
                found.sort(key=lambda each: each.percent)
                if found and found[-1].percent - found[0].percent > DIFFERENCE_POINTS:
                    yield Differing(lower=found[0], higher=found[-1])
