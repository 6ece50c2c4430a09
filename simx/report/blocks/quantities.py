"""What the tables show: one entry for each quantity, in the order of the columns."""

from collections.abc import Callable, Sequence

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.report.blocks.table import ABSENT, Column, Value
from simx.report.words import figures
from simx.report.words.names import FASTEST, FEW_CALLS, NOISY, RANDOM, TIED, TIMES
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.summary import BackboneSummary, Executor, ImageSummary, MeasuredSummary

IMAGE_NAMES: dict[Image, str] = {
    "anchor": "anchor",
    "positive": "positive",
    "negative": "negative",
    "negative_resized": "resized",
}
"""Headings of columns; what they stand for is said below the tables."""

IMAGE_SECTIONS: dict[Image, str] = {
    "anchor": "anchor",
    "positive": "positive (with the anchor)",
    "negative": "negative",
    "negative_resized": "negative, resized",
}
SECTIONS = (
    *IMAGE_SECTIONS.values(),
    "embedding",
    "catalogue",
    "forward",
    "stages",
    "parity with torch",
    "placement",
    "memory",
)
"""Of the rows, where models are columns: the origin's order, then what it lacked."""


Show = Callable[[BackboneSummary, MeasuredSummary], Value]


class CellQuantity(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between backends and providers.

    It is a column where models are rows; where they are columns it is a row of ``section``, called
    ``label``. An ``optional`` one is left out where nothing has a figure for it.
    """

    column: Column
    section: str
    label: str
    show: Show
    optional: bool = False


class BackboneQuantity(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every backend and provider, and is shown once."""

    column: Column
    section: str
    label: str
    show: Callable[[BackboneSummary], Value]


Quantity = CellQuantity | BackboneQuantity


def quantities(baseline: str, *, quoted: bool = False) -> tuple[Quantity, ...]:
    """Return every quantity.

    Args:
        baseline: Names the executor that speeds are relative to.
        quoted: Whether it is for figures that are shown in the units they were published in.
    """
    return (
        *_forward(baseline),
        *(_embedding_time(image) for image in IMAGES),
        *(_similarity_time(image, quoted=quoted) for image in COMPARED_IMAGES),
        *(_similarity_from_host(image) for image in COMPARED_IMAGES),
        *(_similarity(image) for image in COMPARED_IMAGES),
        _margin(),
        *_backbone(),
        *(stage for image in ("anchor", "negative") for stage in _stages(image)),
        *_parity(),
        _placement(),
        *_memory(),
    )


def _forward(baseline: str) -> tuple[Quantity, ...]:
    def show_time(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        value = figures.time(cell.forward, spread=True, decimals=cell.decimals)
        return _timed(value, backbone, cell, backbone.forward_fastest)

    extras: tuple[tuple[str, str, Show], ...] = (
        ("speed", f"{TIMES} {baseline}", lambda _, cell: figures.ratio(cell.speed)),
        ("speed", f"{TIMES} fp32", lambda _, cell: figures.ratio(cell.speed_to_fp32)),
        ("peak", "%", lambda _, cell: figures.percent(cell.peak_share)),
        ("interval", "95 %", lambda _, cell: figures.interval(cell.speed)),
        ("host", "ms", lambda _, cell: figures.time(cell.host, decimals=cell.decimals)),
        ("first", "ms", lambda _, cell: figures.time(cell.first, decimals=cell.decimals)),
    )
    return (
        _in_group("forward", "time", "ms", show_time),
        *(
            msgspec.structs.replace(_in_group("forward", name, unit, show), optional=True)
            for name, unit, show in extras
        ),
    )


def _parity() -> tuple[Quantity, ...]:
    group = "parity with torch"
    return (
        _in_group(group, "cosine", "", lambda _, cell: figures.cosine(cell.parity)),
        _in_group(group, "L2 error", "", lambda _, cell: figures.error(cell.parity)),
    )


def _placement() -> CellQuantity:
    found = _in_group("placement", "nodes", "", lambda _, cell: figures.placement(cell))
    return msgspec.structs.replace(
        found, optional=True, column=msgspec.structs.replace(found.column, align="left")
    )


def _memory() -> tuple[Quantity, ...]:
    shows: tuple[tuple[str, Show], ...] = (
        ("peak", lambda _, cell: figures.mebibytes(cell.memory.peak if cell.memory else None)),
        (
            "network",
            lambda _, cell: figures.mebibytes(
                cell.memory.peak - cell.memory.before if cell.memory else None
            ),
        ),
        ("device", lambda _, cell: figures.mebibytes(_device_bytes(cell))),
    )
    return tuple(
        msgspec.structs.replace(_in_group("memory", name, "MiB", show), optional=True)
        for name, show in shows
    )


def _device_bytes(cell: MeasuredSummary) -> int | None:
    return cell.memory.device.peak if cell.memory and cell.memory.device else None


def _in_group(group: str, name: str, unit: str, show: Show) -> CellQuantity:
    label = ", ".join(part for part in (name, unit) if part)
    return CellQuantity(column=Column(name, unit, group), section=group, label=label, show=show)


def _of_image(image: Image, title: str, show: Show) -> CellQuantity:
    column = Column(IMAGE_NAMES[image], group=title)
    return CellQuantity(column=column, section=IMAGE_SECTIONS[image], label=title, show=show)


def _embedding_time(image: Image) -> CellQuantity:
    def show(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        value = figures.time(cell.images[image].pipeline, spread=True, decimals=cell.decimals)
        return _timed(value, backbone, cell, backbone.pipeline_fastest[image])

    return _of_image(image, "embedding inference time, ms", show)


def similarity_unit(*, quoted: bool) -> str:
    """Return the unit of similarity times: they are published in milliseconds."""
    return "ms" if quoted else "µs"


def _similarity_time(image: Image, *, quoted: bool) -> CellQuantity:
    unit = similarity_unit(quoted=quoted)
    return _of_image(
        image,
        f"similarity inference time, {unit}",
        lambda _, cell: figures.time(
            cell.images[image].similarity_time, unit, decimals=cell.decimals
        ),
    )


def _similarity_from_host(image: Image) -> CellQuantity:
    found = _of_image(
        image,
        "similarity from the host, µs",
        lambda _, cell: figures.time(cell.images[image].similarity_host, "µs"),
    )
    return msgspec.structs.replace(found, optional=True)


def _similarity(image: Image) -> CellQuantity:
    return _of_image(
        image,
        "similarity, %",
        lambda _, cell: of_weights(cell.images[image].similarity_percent, cell),
    )


def _margin() -> CellQuantity:
    return CellQuantity(
        column=Column("margin", group="similarity, %"),
        section=IMAGE_SECTIONS["negative"],
        label="margin, %",
        show=lambda _, cell: of_weights(cell.margin, cell),
    )


def _stages(image: Image) -> tuple[CellQuantity, ...]:
    reads: dict[str, Callable[[ImageSummary], Estimate | None]] = {
        "decode": lambda of_image: of_image.decode,
        "preprocess": lambda of_image: of_image.preprocess,
        "forward": lambda of_image: of_image.forward,
    }
    return tuple(_stage(image, name, read) for name, read in reads.items())


def _stage(
    image: Image, name: str, read: Callable[[ImageSummary], Estimate | None]
) -> CellQuantity:
    return CellQuantity(
        column=Column(name, group=f"stages of the {image}, ms"),
        section="stages",
        label=f"{image}: {name}, ms",
        show=lambda _, cell: figures.time(read(cell.images[image]), decimals=cell.decimals),
    )


def _backbone() -> tuple[BackboneQuantity, ...]:
    return (
        _once("embedding", "dimension", "", dimension),
        _once("catalogue", "GFLOPS", "MACs", lambda of: figures.fixed(of.catalogue.gflops, 2)),
        _once("catalogue", "acc1", "%", lambda of: accuracy(of, of.catalogue.acc1)),
        _once("catalogue", "acc5", "%", lambda of: accuracy(of, of.catalogue.acc5)),
    )


def accuracy(backbone: BackboneSummary, percent: float | None) -> Value:
    """Return an accuracy; a quoted one with all the decimals that torchvision publishes."""
    return figures.fixed(percent, 3 if backbone.quoted else 2)


def _once(
    group: str, name: str, unit: str, show: Callable[[BackboneSummary], Value]
) -> BackboneQuantity:
    return BackboneQuantity(
        column=Column(name, unit, group),
        section=group,
        label=", ".join(part for part in (name, unit) if part),
        show=show,
    )


def dimension(backbone: BackboneSummary) -> Value:
    """Return the length of a backbone's embedding; of several, each."""
    lengths = dict.fromkeys(str(cell.embedding_dim) for cell in backbone.measured)
    return Value(" ".join(lengths)) if lengths else ABSENT


def _timed(
    value: Value, backbone: BackboneSummary, cell: MeasuredSummary, fastest: Sequence[Executor]
) -> Value:
    if value == ABSENT:
        return value
    if cell.few_calls:
        return msgspec.structs.replace(value, mark=FEW_CALLS)
    noisy = NOISY if backbone.noisy else ""
    if cell.executor not in fastest:
        return msgspec.structs.replace(value, mark=noisy)
    if len(fastest) > 1:
        return msgspec.structs.replace(value, mark=TIED + noisy)
    return msgspec.structs.replace(value, mark=FASTEST + noisy, tone="best")


def of_weights(percent: float | None, cell: MeasuredSummary) -> Value:
    """Return a figure that depends on the weights; that of random ones is marked."""
    value = figures.similarity(percent, cell.decimals)
    if cell.weights_origin != "random" or value == ABSENT:
        return value
    return msgspec.structs.replace(value, mark=RANDOM, tone="faint")
