"""What the tables of a report show: one entry for each quantity, in the order of the columns."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.report.blocks.document import Column
from simx.report.words import figures
from simx.report.words.names import (
    FAILED,
    FASTEST,
    FEW_CALLS,
    IMAGE_NAMES,
    NOISY,
    RANDOM,
    TIED,
    TIMES,
)
from simx.report.words.values import ABSENT, Value
from simx.results.schema.environment import Memory
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.summary import (
    BackboneSummary,
    FailedSummary,
    MeasuredSummary,
    TargetId,
)

FAILURE = Value(FAILED, tone="bad")

CellSummary = MeasuredSummary | FailedSummary
Show = Callable[[BackboneSummary, CellSummary], Value]
Read = Callable[[BackboneSummary, MeasuredSummary], Value]

ORIGIN = ("positive (with the anchor)", "negative", "negative, resized", "embedding", "catalogue")
"""The sections of the origin's tables."""

IMAGE_SECTIONS: dict[Image, str] = {
    "anchor": "anchor",
    "positive": ORIGIN[0],
    "negative": ORIGIN[1],
    "negative_resized": ORIGIN[2],
}


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """A column where models are rows; where they are columns, the row ``label`` of ``section``.

    ``shared`` means that it is the same for every backend and provider. An ``optional`` one is
    left out where nothing has a figure for it.
    """

    column: Column
    section: str
    label: str
    show: Show
    shared: bool = False
    optional: bool = False


def quantities(baseline: str, *, quoted: bool = False) -> tuple[Quantity, ...]:
    """Return every quantity.

    Args:
        baseline: Names the target that speeds are relative to.
        quoted: Whether it is for figures that are shown in the units they were published in.
    """
    unit = figures.similarity_unit(quoted=quoted)
    return (
        *_forward(baseline),
        *_each(IMAGES, "embedding inference time, ms", partial(embedding_time, spread=True)),
        *_each(
            COMPARED_IMAGES,
            f"similarity inference time, {unit}",
            partial(similarity_time, unit=unit),
        ),
        *_each(COMPARED_IMAGES, "similarity from the host, µs", _from_host, optional=True),
        *_each(COMPARED_IMAGES, "similarity, %", similarity),
        _quantity(
            Column("margin", group="similarity, %"),
            lambda _, cell: of_weights(cell.margin, cell),
            section=IMAGE_SECTIONS["negative"],
            label="margin, %",
        ),
        _shared(Column("dimension", group="embedding"), figures.dimension),
        _shared(
            Column("GFLOPS", "MACs", "catalogue"), lambda of: figures.fixed(of.catalogue.gflops, 2)
        ),
        _shared(
            Column("acc1", "%", "catalogue"), lambda of: figures.accuracy(of, of.catalogue.acc1)
        ),
        _shared(
            Column("acc5", "%", "catalogue"), lambda of: figures.accuracy(of, of.catalogue.acc5)
        ),
        *(stage for image in ("anchor", "negative") for stage in _stages(image)),
        *_beside_times(),
    )


def forward_time(backbone: BackboneSummary, cell: MeasuredSummary, *, spread: bool) -> Value:
    """Return how long the network alone takes, marked where it is the fastest."""
    value = figures.time(cell.forward, spread=spread, decimals=cell.decimals)
    return _timed(value, backbone, cell, backbone.forward_fastest)


def embedding_time(image: Image, *, spread: bool = False, digits: int | None = None) -> Read:
    """Return what reads the time from a picture's file to its vector, marked as ``forward`` is."""

    def read(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        time = cell.images[image].pipeline
        value = figures.time(time, spread=spread, decimals=cell.decimals, digits=digits)
        return _timed(value, backbone, cell, backbone.pipeline_fastest[image])

    return read


def similarity_time(image: Image, *, unit: str, digits: int | None = None) -> Read:
    """Return what reads how long the comparison of the anchor with a picture takes."""
    return lambda _, cell: figures.time(
        cell.images[image].similarity_time, unit, decimals=cell.decimals, digits=digits
    )


def similarity(image: Image) -> Read:
    """Return what reads the similarity of the anchor with a picture, in percent."""
    return lambda _, cell: of_weights(cell.images[image].similarity_percent, cell)


def of_weights(percent: float | None, cell: MeasuredSummary) -> Value:
    """Return a figure that depends on the weights; that of random ones is marked."""
    value = figures.similarity(percent, cell.decimals)
    if cell.weights_origin != "random" or value == ABSENT:
        return value
    return msgspec.structs.replace(value, mark=RANDOM, tone="faint")


def measured(read: Read) -> Show:
    """Return what shows a figure of measured cells, and a failed one as failed."""

    def show(backbone: BackboneSummary, cell: CellSummary) -> Value:
        return read(backbone, cell) if isinstance(cell, MeasuredSummary) else FAILURE

    return show


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
    """Yield a quantity of each picture."""
    for image in images:
        yield _quantity(
            Column(IMAGE_NAMES[image], group=group),
            read_of(image),
            section=IMAGE_SECTIONS[image],
            label=group,
            optional=optional,
        )


def _forward(baseline: str) -> Iterator[Quantity]:
    yield _quantity(
        Column("time", "ms", "forward"), lambda of, cell: forward_time(of, cell, spread=True)
    )
    further: tuple[tuple[str, str, Read], ...] = (
        ("speed", f"{TIMES} {baseline}", lambda _, cell: figures.ratio(cell.speed)),
        ("speed", f"{TIMES} fp32", lambda _, cell: figures.ratio(cell.speed_to_fp32)),
        ("peak", "%", lambda _, cell: figures.percent(cell.peak_share)),
        ("interval", "95 %", lambda _, cell: figures.interval(cell.speed)),
        ("host", "ms", lambda _, cell: figures.time(cell.host, decimals=cell.decimals)),
        ("first", "ms", lambda _, cell: figures.time(cell.first, decimals=cell.decimals)),
    )
    for name, unit, read in further:
        yield _quantity(Column(name, unit, "forward"), read, optional=True)


def _from_host(image: Image) -> Read:
    return lambda _, cell: figures.time(cell.images[image].similarity_host, "µs")


def _stages(image: Image) -> Iterator[Quantity]:
    for name in ("decode", "preprocess", "forward"):
        yield _quantity(
            Column(name, group=f"stages of the {image}, ms"),
            _stage(image, name),
            section="stages",
            label=f"{image}: {name}, ms",
        )


def _stage(image: Image, name: Literal["decode", "preprocess", "forward"]) -> Read:
    def read(_backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        time: Estimate | None = getattr(cell.images[image], name)
        return figures.time(time, decimals=cell.decimals)

    return read


def _beside_times() -> Iterator[Quantity]:
    """Yield how near the vector is to torch's, where it was computed, and the memory it took."""
    parity = "parity with torch"
    yield _quantity(Column("cosine", group=parity), lambda _, cell: figures.cosine(cell.parity))
    yield _quantity(Column("L2 error", group=parity), lambda _, cell: figures.error(cell.parity))
    yield _quantity(
        Column("nodes", group="placement", justify="left"),
        lambda _, cell: figures.placement(cell),
        optional=True,
    )
    yield _memory("peak", lambda memory: memory.peak)
    yield _memory("network", lambda memory: memory.peak - memory.before)
    yield _memory("device", lambda memory: memory.device.peak if memory.device else None)


def _memory(name: str, read: Callable[[Memory], int | None]) -> Quantity:
    return _quantity(
        Column(name, "MiB", "memory"),
        lambda _, cell: figures.mebibytes(read(cell.memory) if cell.memory else None),
        optional=True,
    )


def _timed(
    value: Value, backbone: BackboneSummary, cell: MeasuredSummary, fastest: Sequence[TargetId]
) -> Value:
    if value == ABSENT:
        return value
    if cell.few_calls:
        return msgspec.structs.replace(value, mark=FEW_CALLS)
    noisy = NOISY if backbone.noisy else ""
    if cell.target not in fastest:
        return msgspec.structs.replace(value, mark=noisy)
    if len(fastest) > 1:
        return msgspec.structs.replace(value, mark=TIED + noisy)
    return msgspec.structs.replace(value, mark=FASTEST + noisy, tone="best")
