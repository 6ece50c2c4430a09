"""The figures in the tables of a report: one entry for each, in the order of the columns."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.report.blocks.document import Column
from simx.report.words import figures
from simx.report.words.names import (
    FAILED,
    FASTEST,
    IMAGE_NAMES,
    NO_INTERVAL,
    NOISY,
    TIED,
    TIMES,
)
from simx.report.words.values import ABSENT, BUSY, Value
from simx.results.schema.environment import Memory
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    ImageSummary,
    MeasuredSummary,
    TargetId,
)

FAILURE = Value(FAILED, tone="bad")

CellSummary = MeasuredSummary | FailedSummary
Show = Callable[[BackboneSummary, CellSummary], Value]
Read = Callable[[BackboneSummary, MeasuredSummary], Value]

ORIGIN = ("positive (with the anchor)", "negative", "negative, resized", "embedding", "catalogue")
"""The sections of the origin's tables."""

_IMAGE_SECTIONS = dict(zip(IMAGES, ("anchor", *ORIGIN[:3]), strict=True))


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """A column if models are rows; the row ``label`` of ``section`` if models are columns.

    A ``shared`` quantity is the same for every backend and provider. An ``optional`` one is left
    out if no cell has a figure.
    """

    column: Column
    section: str
    label: str
    show: Show
    shared: bool = False
    optional: bool = False


def quantities(baseline: str, *, quoted: bool = False) -> Iterator[Quantity]:
    """Yield every quantity.

    Args:
        baseline: Name of the target that speeds are relative to.
        quoted: Whether the figures are quoted, in the units of their source.
    """
    yield from _forward(baseline)
    unit = figures.similarity_unit(quoted=quoted)
    yield from _each(IMAGES, "embedding inference time, ms", partial(embedding_time, spread=True))
    compared = partial(_each, COMPARED_IMAGES)
    yield from compared(f"similarity inference time, {unit}", partial(similarity_time, unit=unit))
    yield from compared("similarity from the host, µs", _similarity_host, optional=True)
    yield from compared("similarity, %", similarity)
    yield _quantity(
        Column("margin", group="similarity, %"),
        lambda _, cell: of_weights(cell.margin, cell),
        section=_IMAGE_SECTIONS["negative"],
        label="margin, %",
    )
    yield _shared(Column("dimension", group="embedding"), figures.dimension)
    catalogue = partial(Column, group="catalogue")
    yield _shared(catalogue("GFLOPS", "MACs"), lambda of: figures.fixed(of.catalogue.gflops, 2))
    yield _shared(catalogue("acc1", "%"), lambda of: figures.accuracy(of, of.catalogue.acc1))
    yield _shared(catalogue("acc5", "%"), lambda of: figures.accuracy(of, of.catalogue.acc5))

    for image in ("anchor", "negative"):
        yield _stage(image, "decode", lambda of: of.decode)
        yield _stage(image, "preprocess", lambda of: of.preprocess)
        yield _stage(image, "forward", lambda of: of.forward)
    yield from _beside_times()


def _forward(baseline: str) -> Iterator[Quantity]:
    yield _quantity(Column("time", "ms", "forward"), partial(forward_time, spread=True))
    further: tuple[tuple[str, str, Read], ...] = (
        ("speed", f"{TIMES} {baseline}", lambda _, cell: figures.ratio(cell.speed)),
        ("speed", f"{TIMES} fp32", lambda _, cell: figures.ratio(cell.speed_to_fp32)),
        ("peak", "%", lambda _, cell: figures.percent(cell.peak_share)),
        ("interval", "95 %", lambda _, cell: figures.interval(cell.speed)),
        ("host", "ms", lambda _, cell: _further_time(cell.host, cell, "host")),
        ("first", "ms", lambda _, cell: _further_time(cell.first, cell, "first")),
        ("page faults", "a call", lambda _, cell: figures.fixed(cell.page_faults, 0)),
    )
    for name, unit, read in further:
        yield _quantity(Column(name, unit, "forward"), read, optional=True)


def _beside_times() -> Iterator[Quantity]:
    parity = partial(Column, group="parity with torch")
    yield _quantity(parity("cosine"), lambda _, cell: figures.cosine(cell.parity))
    yield _quantity(parity("L2 error"), lambda _, cell: figures.error(cell.parity))
    nodes = Column("nodes", group="placement", justify="left")
    yield _quantity(nodes, lambda _, cell: figures.placement(cell), optional=True)
    yield _memory("peak", lambda memory: memory.peak)
    yield _memory("network", lambda memory: memory.peak - memory.before)
    yield _memory("device", lambda memory: memory.device.peak if memory.device else None)


def _quantity(
    column: Column, read: Read, *, section: str = "", label: str = "", optional: bool = False
) -> Quantity:
    return Quantity(
        column=column,
        section=section or column.group,
        label=label or column.label,
        show=measured(read),
        optional=optional,
    )


def _shared(column: Column, read: Callable[[BackboneSummary], Value]) -> Quantity:
    return Quantity(
        column=column,
        section=column.group,
        label=column.label,
        show=lambda backbone, _: read(backbone),
        shared=True,
    )


def _each(
    images: Sequence[Image], group: str, read_of: Callable[[Image], Read], *, optional: bool = False
) -> Iterator[Quantity]:
    for image in images:
        column, section = Column(IMAGE_NAMES[image], group=group), _IMAGE_SECTIONS[image]
        yield _quantity(column, read_of(image), section=section, label=group, optional=optional)


def _stage(image: Image, name: str, time: Callable[[ImageSummary], Estimate | None]) -> Quantity:
    return _quantity(
        Column(name, group=f"stages of the {image}, ms"),
        lambda _, cell: _further_time(time(cell.images[image]), cell, f"pipeline.{name}", image),
        section="stages",
        label=f"{image}: {name}, ms",
    )


def _memory(name: str, read: Callable[[Memory], int | None]) -> Quantity:
    return _quantity(
        Column(name, "MiB", "memory"),
        lambda _, cell: figures.mebibytes(read(cell.memory) if cell.memory else None),
        optional=True,
    )


def measured(read: Read) -> Show:
    """Return a function that shows a figure of a measured cell, and marks a failed cell."""
    return lambda of, cell: read(of, cell) if isinstance(cell, MeasuredSummary) else FAILURE


def unless_busy(
    value: Value, cell: MeasuredSummary, scope: str, image: Image | None = None
) -> Value:
    """Return a figure of a time, or the word for one that a busy machine made meaningless."""
    return BUSY if (scope, image) in cell.busy else value


def _further_time(
    time: Estimate | None, cell: MeasuredSummary, scope: str, image: Image | None = None
) -> Value:
    return unless_busy(figures.time(time, decimals=cell.decimals), cell, scope, image)


def forward_time(backbone: BackboneSummary, cell: MeasuredSummary, *, spread: bool) -> Value:
    """Return the time of the network alone, marked if it is the fastest."""
    value = figures.time(cell.forward, spread=spread, decimals=cell.decimals)
    return unless_busy(_timed(value, backbone, cell, backbone.forward_fastest), cell, "forward")


def embedding_time(image: Image, *, spread: bool = False, digits: int | None = None) -> Read:
    """Return a reader of the time from a picture's file to its vector, marked like ``forward``."""

    def read(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        time = cell.images[image].pipeline
        value = figures.time(time, spread=spread, decimals=cell.decimals, digits=digits)
        value = _timed(value, backbone, cell, backbone.pipeline_fastest[image])
        return unless_busy(value, cell, "pipeline", image)

    return read


def similarity_time(image: Image, *, unit: str, digits: int | None = None) -> Read:
    """Return a reader of the time that the comparison of the anchor with a picture takes."""

    def read(_: BackboneSummary, cell: MeasuredSummary) -> Value:
        time = cell.images[image].similarity_time
        value = figures.time(time, unit, decimals=cell.decimals, digits=digits)
        return unless_busy(value, cell, "similarity", image)

    return read


def _similarity_host(image: Image) -> Read:
    def read(_: BackboneSummary, cell: MeasuredSummary) -> Value:
        value = figures.time(cell.images[image].similarity_host, "µs")
        return unless_busy(value, cell, "similarity.host", image)

    return read


def similarity(image: Image) -> Read:
    """Return a reader of the similarity of the anchor and a picture, in percent."""
    return lambda _, cell: of_weights(cell.images[image].similarity_percent, cell)


def of_weights(percent: float | None, cell: MeasuredSummary) -> Value:
    """Return a figure that depends on the weights; a figure of random weights is marked."""
    return figures.of_weights(figures.similarity(percent, cell.decimals), cell.weights_origin)


def _timed(
    value: Value, backbone: BackboneSummary, cell: MeasuredSummary, fastest: Sequence[TargetId]
) -> Value:
    if value == ABSENT:
        return value
    further = (NOISY if backbone.noisy else "") + value.mark
    if fastest == (cell.target,):
        return msgspec.structs.replace(value, mark=FASTEST + further, tone="best")
    # Without an interval nothing differs, so that a tie would say no more than the mark.
    tied = TIED if cell.target in fastest and NO_INTERVAL not in value.mark else ""
    return msgspec.structs.replace(value, mark=tied + further)
