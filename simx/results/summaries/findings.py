"""What the figures of one GFLOPS range amount to: the facts that its sentences state.

Pure, derived from the range's summary alone; the words are ``simx.report``'s. Random weights take
no part in what is said about similarities.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.schema.times import Scope
from simx.results.statistics.drift import torch_beside
from simx.results.statistics.estimates import Estimate, Ratio, fastest
from simx.results.summaries.summary import BackboneSummary, Executor, MeasuredSummary, RangeSummary

HIGH_PERCENT = 80.0
"""What a similarity with the positive has to reach to be called high."""

ALMOST_POINTS = 2.0
"""How far below that, in percentage points, it almost is."""

DIFFERENCE_POINTS = 0.1
"""By how many percentage points the similarities of two backends may differ unnoticed. Within the
bounds of parity (a relative error of 1e-4 in each of two vectors) the cosine of each is off by 0.02
points at the most."""

TIMED: tuple[tuple[Scope, Image | None], ...] = (
    ("forward", None),
    *(("pipeline", image) for image in COMPARED_IMAGES),
    *(("similarity", image) for image in COMPARED_IMAGES),
)
"""The times of which the smallest is looked for."""


class Smallest(msgspec.Struct, frozen=True, kw_only=True):
    """Which backbones have the smallest time of a scope on an executor.

    ``leaders`` have it: one, or quoted ones with the very same median. What cannot be told from it
    is ``tied``, and what can is ``others``. Nothing is tied of quoted times, whose medians are all
    there is. ``decimals`` are those of the quotation, None for a time that was measured.
    """

    executor: Executor
    scope: Scope
    image: Image | None
    time: Estimate
    decimals: int | None
    leaders: tuple[BackboneSummary, ...]
    tied: tuple[BackboneSummary, ...]
    others: tuple[BackboneSummary, ...]

    @property
    def compared(self) -> bool:
        """Whether there is anything that does not share the first place."""
        return bool(self.tied or self.others)


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone's similarity of the anchor with a picture, in percent."""

    backbone: BackboneSummary
    cell: MeasuredSummary
    image: Image
    percent: float


class Extremes(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest and the largest value of a range, and who has them."""

    low: float
    lowest: tuple[BackboneSummary, ...]
    high: float
    highest: tuple[BackboneSummary, ...]


class Slower(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone that runs slower where it was to be faster.

    That is ONNX Runtime against torch on the same device, and another precision against fp32.
    ``speed`` is how many times as fast it is; all of its interval is below 1.
    """

    backbone: BackboneSummary
    executor: Executor
    than: Executor
    speed: Ratio


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What another precision makes of a backbone's margin, in percentage points."""

    backbone: BackboneSummary
    executor: Executor
    margin: float
    in_full: float


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """The two backends, of one precision, whose similarities differ the most, and by too much."""

    lower: Similar
    higher: Similar


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to say of a range; None or empty where there is nothing.

    ``high`` and ``almost`` are similarities with the positive, ``negative`` those below 0, by
    picture. ``margin`` is in percentage points.
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
    positives = _similarities(backbones, "positive")
    return Findings(
        smallest=tuple(_smallest(summary)),
        negative=tuple(
            found
            for image in COMPARED_IMAGES
            for found in _similarities(backbones, image)
            if found.percent < 0
        ),
        high=tuple(found for found in positives if found.percent >= HIGH_PERCENT),
        almost=tuple(
            found
            for found in positives
            if HIGH_PERCENT - ALMOST_POINTS <= found.percent < HIGH_PERCENT
        ),
        dimension=_extremes(backbones, lambda cell: cell.embedding_dim),
        margin=_extremes(backbones, lambda cell: cell.margin if _is_trained(cell) else None),
        slower=tuple(_slower(backbones)),
        costs=tuple(_costs(backbones)),
        differing=tuple(_differing(backbones)),
    )


class _Timed(msgspec.Struct, frozen=True):
    backbone: BackboneSummary
    cell: MeasuredSummary
    time: Estimate


def _smallest(summary: RangeSummary) -> Iterator[Smallest]:
    for executor, drift in summary.drift.items():
        for scope, image in TIMED:
            timed = [
                _Timed(backbone, cell, time)
                for backbone in summary.backbones
                for cell in backbone.measured
                if cell.executor == executor and (time := _time(cell, scope, image))
            ]
            if timed and (found := _smallest_of(timed, scope, image, drift)).compared:
                yield found


def _time(cell: MeasuredSummary, scope: Scope, image: Image | None) -> Estimate | None:
    if image is None:
        return cell.forward
    of_image = cell.images[image]
    return of_image.pipeline if scope == "pipeline" else of_image.similarity_time


def _smallest_of(
    timed: Sequence[_Timed], scope: Scope, image: Image | None, drift: float
) -> Smallest:
    best = min(timed, key=lambda each: each.time.median_ns)
    if best.cell.decimals is None:
        order = fastest([each.time for each in timed], drift)
        leaders, tied = order[:1], tuple(sorted(order[1:]))
    else:
        leaders, tied = _with_the_median_of(best, timed), ()
    rest = sorted({*range(len(timed))} - {*leaders, *tied})
    return Smallest(
        executor=best.cell.executor,
        scope=scope,
        image=image,
        time=best.time,
        decimals=best.cell.decimals,
        leaders=tuple(timed[place].backbone for place in leaders),
        tied=tuple(timed[place].backbone for place in tied),
        others=tuple(timed[place].backbone for place in rest),
    )


def _with_the_median_of(best: _Timed, timed: Sequence[_Timed]) -> tuple[int, ...]:
    medians = enumerate(each.time.median_ns for each in timed)
    return tuple(place for place, median in medians if median == best.time.median_ns)


def _similarities(backbones: Sequence[BackboneSummary], image: Image) -> list[Similar]:
    """Return each trained backbone's similarity, on the first executor that has one, fp32 first.

    The others' are the same up to rounding; where they are not, ``differing`` says so, and of
    another precision ``costs``.
    """
    found = (next(_similarities_of(backbone, image), None) for backbone in backbones)
    return [similar for similar in found if similar is not None]


def _similarities_of(backbone: BackboneSummary, image: Image) -> Iterator[Similar]:
    for cell in _fp32_first(backbone):
        percent = cell.images[image].similarity_percent
        if percent is not None and _is_trained(cell):
            yield Similar(backbone=backbone, cell=cell, image=image, percent=percent)


def _is_trained(cell: MeasuredSummary) -> bool:
    return cell.weights_origin != "random"


def _extremes(
    backbones: Sequence[BackboneSummary], read: Callable[[MeasuredSummary], float | None]
) -> Extremes | None:
    """Return the smallest and the largest of a figure; None where all have the same, or one has."""
    values = [
        (backbone, value)
        for backbone in backbones
        if (value := next(_values(backbone, read), None)) is not None
    ]
    low = min((value for _, value in values), default=0)
    high = max((value for _, value in values), default=0)
    if low == high:
        return None
    return Extremes(
        low=low,
        lowest=tuple(backbone for backbone, value in values if value == low),
        high=high,
        highest=tuple(backbone for backbone, value in values if value == high),
    )


def _values(
    backbone: BackboneSummary, read: Callable[[MeasuredSummary], float | None]
) -> Iterator[float]:
    values = (read(cell) for cell in _fp32_first(backbone))
    return (value for value in values if value is not None)


def _fp32_first(backbone: BackboneSummary) -> list[MeasuredSummary]:
    return sorted(backbone.measured, key=lambda cell: cell.executor.is_reduced)


def _slower(backbones: Sequence[BackboneSummary]) -> Iterator[Slower]:
    for backbone in backbones:
        for cell in backbone.measured:
            executor = cell.executor
            for than, speed in (
                (torch_beside(executor), cell.speed_to_torch if _is_ort(executor) else None),
                (executor.in_full, cell.speed_to_fp32),
            ):
                if speed and speed.high is not None and speed.high < 1:
                    yield Slower(backbone=backbone, executor=executor, than=than, speed=speed)


def _costs(backbones: Sequence[BackboneSummary]) -> Iterator[Cost]:
    for backbone in backbones:
        full = [cell for cell in backbone.measured if not cell.executor.is_reduced]
        in_full = next((cell.margin for cell in full if cell.margin is not None), None)
        for cell in backbone.measured:
            margin = cell.margin if cell.executor.is_reduced and _is_trained(cell) else None
            if margin is not None and in_full is not None:
                yield Cost(
                    backbone=backbone, executor=cell.executor, margin=margin, in_full=in_full
                )


def _is_ort(executor: Executor) -> bool:
    """Whether it is ONNX Runtime, in any of its variants."""
    return executor.backend.partition(":")[0] == "ort"


def _differing(backbones: Sequence[BackboneSummary]) -> Iterator[Differing]:
    for backbone in backbones:
        for precision in dict.fromkeys(cell.executor.precision for cell in backbone.measured):
            for image in COMPARED_IMAGES:
                found = sorted(
                    (
                        each
                        for each in _similarities_of(backbone, image)
                        if each.cell.executor.precision == precision
                    ),
                    key=lambda each: each.percent,
                )
                if found and found[-1].percent - found[0].percent > DIFFERENCE_POINTS:
                    yield Differing(lower=found[0], higher=found[-1])
