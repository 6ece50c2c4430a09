"""The tables of a report's backbones with every figure, models as rows or as columns."""

from collections.abc import Iterator, Sequence

from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import ORIGIN, Quantity, quantities
from simx.report.words.names import (
    backbone_name,
    differing_settings,
    executor_name,
    setting_text,
)
from simx.report.words.values import ABSENT, Value
from simx.results.summaries.summary import (
    BackboneSummary,
    Executor,
    FailedSummary,
    MeasuredSummary,
)

VIEWS = (
    ("Latency", ("forward", "catalogue")),
    ("Embedding time", ("embedding inference time, ms",)),
    (
        "Similarity",
        (
            "similarity, %",
            "similarity inference time, µs",
            "similarity from the host, µs",
            "embedding",
        ),
    ),
    ("Stages", ("stages of the anchor, ms", "stages of the negative, ms")),
    ("Parity and memory", ("parity with torch", "memory")),
)
"""What is shown together: a table's title, and the groups of columns that are in it."""

OTHERS = "Other figures"

SECTIONS = (
    "anchor",
    "forward",
    "stages",
    "parity with torch",
    "placement",
    "memory",
)
"""Of the rows that the origin lacked, where models are columns."""


def shown_quantities(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor]
) -> tuple[Quantity, ...]:
    """Return the quantities, without optional ones that no backbone has a figure for.

    Of quoted figures, those are left out that their source does not give. Speeds are relative to
    the first executor.
    """
    quoted = any(backbone.quoted for backbone in backbones)
    return tuple(
        quantity
        for quantity in quantities(executor_name(executors[0]), quoted=quoted)
        if quantity.shared
        or not (quantity.optional or quoted)
        or any(
            quantity.show(backbone, cell) != ABSENT
            for backbone in backbones
            for cell in backbone.measured
        )
    )


def views(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor], *, detail: bool = False
) -> tuple[Table, ...]:
    """Return tables of every quantity; each has one row for each cell, in the same order."""
    shown = shown_quantities(backbones, executors)
    known = {group for _, groups in VIEWS for group in groups}
    others = tuple(dict.fromkeys(each.column.group for each in shown))
    further = tuple(group for group in others if group not in known)
    return tuple(
        _models_as_rows(title, backbones, executors, of, detail=detail)
        for title, groups in (*VIEWS, (OTHERS, further))
        if (of := [each for group in groups for each in shown if each.column.group == group])
    )


def _models_as_rows(
    title: str,
    backbones: Sequence[BackboneSummary],
    executors: Sequence[Executor],
    shown: Sequence[Quantity],
    *,
    detail: bool,
) -> Table:
    settings = differing_settings(backbones)
    names_backend = len(executors) > 1
    rows = tuple(
        Row(
            (
                *keys_of(backbone, settings),
                *((Value(executor_name(cell.executor)),) if names_backend else ()),
                *(quantity.show(backbone, cell) for quantity in shown),
            )
        )
        for backbone in backbones
        for cell in backbone.cells
    )
    keys = key_columns("model", *settings, *(("backend",) if names_backend else ()))
    return Table(
        title=title,
        columns=(*keys, *(quantity.column for quantity in shown)),
        rows=rows,
        keys=len(keys),
        detail=detail,
    )


def key_columns(*names: str) -> tuple[Column, ...]:
    """Return the columns that say what a row is about."""
    return tuple(Column(name, justify="left") for name in names)


def keys_of(backbone: BackboneSummary, settings: Sequence[str]) -> tuple[Value, ...]:
    """Return a backbone's name and those of its settings that differ between backbones."""
    texts = (backbone_name(backbone), *(setting_text(backbone, name) for name in settings))
    return tuple(map(Value, texts))


def origin_tables(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor]
) -> Iterator[Table]:
    """Yield the origin's table, models as columns, and what it lacked as another."""
    shown = shown_quantities(backbones, executors)
    for sections, detail in ((ORIGIN, False), (SECTIONS, True)):
        rows = tuple(
            row
            for section in sections
            for quantity in shown
            if quantity.section == section
            for row in _quantity_rows(backbones, executors, quantity)
        )
        keys = key_columns("", *(("backend",) if len(executors) > 1 else ()))
        columns = (*keys, *_model_columns(backbones))
        if rows:
            yield Table(columns=columns, rows=rows, keys=len(keys), detail=detail)


def _model_columns(backbones: Sequence[BackboneSummary]) -> Iterator[Column]:
    settings = differing_settings(backbones)
    for backbone in backbones:
        texts = (setting_text(backbone, name) for name in settings)
        yield Column(backbone_name(backbone), " ".join(texts))


def _quantity_rows(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor], quantity: Quantity
) -> Iterator[Row]:
    for executor in executors[:1] if quantity.shared else executors:
        name = "" if quantity.shared else executor_name(executor)
        keys = (quantity.label, *((name,) if len(executors) > 1 else ()))
        values = (figure_on(backbone, executor, quantity) for backbone in backbones)
        yield Row((*map(Value, keys), *values), quantity.section)


def figure_on(backbone: BackboneSummary, executor: Executor, quantity: Quantity) -> Value:
    """Return a backbone's figure on one executor, absent where it was not measured there."""
    cells = backbone.cells if quantity.shared else cells_on(backbone, executor)
    return quantity.show(backbone, cells[0]) if cells else ABSENT


def cells_on(
    backbone: BackboneSummary, executor: Executor
) -> tuple[MeasuredSummary | FailedSummary, ...]:
    """Return a backbone's cell on one executor, if there is one."""
    return tuple(cell for cell in backbone.cells if cell.executor == executor)
