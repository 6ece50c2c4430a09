"""The figures in the tables of a report: one entry for each, in the order of the columns."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import get_args

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.report.blocks.document import Column
from simx.report.words import figures
from simx.report.words.names import FAILED, FASTEST, IMAGE_NAMES, NO_INTERVAL, NOISY, TIED, TIMES
from simx.report.words.values import ABSENT, BUSY, Value
from simx.results.schema.environment import Memory
from simx.results.schema.report import Currency
from simx.results.schema.times import FORWARD, Scope
from simx.results.summaries.summary import BackboneSummary, FailedSummary, MeasuredSummary, TargetId

FAILURE = Value(FAILED, tone="bad")

CellSummary = MeasuredSummary | FailedSummary
Show = Callable[[BackboneSummary, CellSummary], Value]
Read = Callable[[BackboneSummary, MeasuredSummary], Value]

ORIGIN = ("positive (with the anchor)", "negative", "negative, resized", "embedding", "catalogue")
"""The sections of the origin's tables."""

STAGES: tuple[Scope, ...] = ("pipeline.decode", "pipeline.preprocess", "pipeline.forward")

_IMAGE_SECTIONS = dict(zip(IMAGES, ("anchor", *ORIGIN[:3]), strict=True))


class Quantity(msgspec.Struct, frozen=True):
    """A column if models are rows; the row ``label`` of ``section`` if models are columns.

    A ``shared`` quantity is the same for every backend and provider. An ``optional`` one is left
    out if no cell has a figure.
    """

    column: Column
    show: Show
    section: str
    label: str
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
    yield from _each(
        IMAGES, "embedding inference time, ms", partial(timed, "pipeline", spread=True)
    )
    compared = partial(_each, COMPARED_IMAGES)
    yield from compared(
        f"similarity inference time, {unit}", partial(timed, "similarity", unit=unit)
    )
    yield from compared(
        "similarity from the host, µs", partial(timed, "similarity.host", unit="µs"), optional=True
    )
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
        for scope in STAGES:
            stage = scope.removeprefix("pipeline.")
            yield _quantity(
                Column(stage, group=f"stages of the {image}, ms"),
                timed(scope, image),
                section="stages",
                label=f"{image}: {stage}, ms",
            )
    parity = partial(Column, group="parity with torch")
    yield _quantity(parity("cosine"), lambda _, cell: figures.cosine(cell.parity))
    yield _quantity(parity("L2 error"), lambda _, cell: figures.error(cell.parity))
    nodes = Column("nodes", group="placement", justify="left")
    yield _quantity(nodes, lambda _, cell: figures.placement(cell), optional=True)
    yield _memory("peak", lambda memory: memory.peak)
    yield _memory("network", lambda memory: memory.peak - memory.before)
    yield _memory("device", lambda memory: memory.device.peak if memory.device else None)


def _forward(baseline: str) -> Iterator[Quantity]:
    yield _quantity(Column("time", "ms", "forward"), timed("forward", spread=True))
    further: tuple[tuple[str, str, Read], ...] = (
        ("speed", f"{TIMES} {baseline}", lambda _, cell: figures.ratio(cell.speed)),
        ("speed", f"{TIMES} fp32", lambda _, cell: figures.ratio(cell.speed_to_fp32)),
        ("peak", "%", lambda _, cell: figures.percent(cell.peak_share)),
        ("interval", "95 %", lambda _, cell: figures.interval(cell.speed)),
        ("host", "ms", timed("host")),
        ("after a pause", "ms", timed("paused", spread=True)),
        ("first", "ms", timed("first")),
        (
            "pays off",
            "calls",
            lambda _, cell: figures.fixed(getattr(cell.payback, "calls", None), 0),
        ),
        ("page faults", "a call", lambda _, cell: figures.fixed(cell.page_faults, 0)),
        ("energy", "J a picture", lambda _, cell: figures.energy(cell.energy)),
        *(("cost", f"{each}/million", partial(cost, each)) for each in get_args(Currency)),
    )
    for name, unit, read in further:
        yield _quantity(Column(name, unit, "forward"), read, optional=True)


def _quantity(
    column: Column, read: Read, *, section: str = "", label: str = "", optional: bool = False
) -> Quantity:
    names = section or column.group, label or column.label
    return Quantity(column, measured(read), *names, optional=optional)


def _shared(column: Column, read: Callable[[BackboneSummary], Value]) -> Quantity:
    return Quantity(column, lambda of, _: read(of), column.group, column.label, shared=True)


def _each(
    images: Sequence[Image], group: str, read_of: Callable[[Image], Read], *, optional: bool = False
) -> Iterator[Quantity]:
    for image in images:
        column, section = Column(IMAGE_NAMES[image], group=group), _IMAGE_SECTIONS[image]
        yield _quantity(column, read_of(image), section=section, label=group, optional=optional)


def _memory(name: str, read: Callable[[Memory], int | None]) -> Quantity:
    return _quantity(
        Column(name, "MiB", "memory"),
        lambda _, cell: figures.mebibytes(read(cell.memory) if cell.memory else None),
        optional=True,
    )


def measured(read: Read) -> Show:
    """Return a function that shows a figure of a measured cell, and marks a failed cell."""
    return lambda of, cell: read(of, cell) if isinstance(cell, MeasuredSummary) else FAILURE


def speed_up(_: BackboneSummary, cell: MeasuredSummary) -> Value:
    """Show how many times as fast ``forward`` is as on the report's first target."""
    return BUSY if FORWARD in cell.busy else figures.ratio(cell.speed)


def throughput(of: BackboneSummary, cell: MeasuredSummary) -> Value:
    """Show the pictures per second by the calls of ``forward``."""
    return (
        BUSY if FORWARD in cell.busy else figures.per_second(cell.times.get(FORWARD), of.pictures)
    )


def cost(currency: Currency, of: BackboneSummary, cell: MeasuredSummary) -> Value:
    """Show what a million pictures cost by the calls of ``forward``; absent in other currencies."""
    if of.price is None or of.price.currency != currency:
        return ABSENT
    if FORWARD in cell.busy:
        return BUSY
    return figures.cost(cell.times.get(FORWARD), of.pictures, of.price)


def timed(
    scope: Scope,
    image: Image | None = None,
    *,
    unit: str = "ms",
    spread: bool = False,
    digits: int | None = None,
) -> Read:
    """Return a reader of a time; a word where a busy machine made it meaningless.

    Args:
        scope: What was timed. ``forward`` and ``pipeline`` are marked where they are the fastest.
        image: Of which picture.
        unit: ``ms`` or ``µs``.
        spread: Whether to show its interval.
        digits: Most significant digits of a time that is not quoted.
    """
    key = (scope, image)

    def read(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        if key in cell.busy:
            return BUSY
        time, decimals = cell.times.get(key), cell.decimals
        value = figures.time(time, unit, spread=spread, decimals=decimals, digits=digits)
        if time is None or key not in backbone.fastest:
            return value
        return _ranked(value, backbone, cell, backbone.fastest[key])

    return read


def similarity(image: Image) -> Read:
    """Return a reader of the similarity of the anchor and a picture, in percent."""
    return lambda _, cell: of_weights(getattr(cell.similarity, image), cell)


def of_weights(percent: float | None, cell: MeasuredSummary) -> Value:
    """Return a figure that depends on the weights; a figure of random weights is marked."""
    return figures.of_weights(figures.similarity(percent, cell.decimals), cell.weights_origin)


def _ranked(
    value: Value, backbone: BackboneSummary, cell: MeasuredSummary, fastest: Sequence[TargetId]
) -> Value:
    further = (NOISY if backbone.noisy else "") + value.mark
    if fastest == (cell.target,):
        return msgspec.structs.replace(value, mark=FASTEST + further, tone="best")
    # Without an interval nothing differs, so that a tie would say no more than the mark.
    tied = TIED if cell.target in fastest and NO_INTERVAL not in value.mark else ""
    return msgspec.structs.replace(value, mark=tied + further)
