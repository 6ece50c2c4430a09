"""Turns the summary of one GFLOPS range into a table, with models as rows or as columns."""

from collections.abc import Sequence

from simx.common.safe_text import clean
from simx.report.blocks.quantities import (
    SECTIONS,
    BackboneQuantity,
    CellQuantity,
    Quantity,
    quantities,
)
from simx.report.blocks.table import ABSENT, Column, Row, Table, Value
from simx.report.options import Layout
from simx.report.words.names import FAILED, backbone_name, executor_name, weights_name
from simx.results.summaries.summary import BackboneSummary, Executor, FailedSummary, MeasuredSummary

SAID_ABOVE = Value("")
"""A backbone's own figure in the rows of its further backends."""

FAILURE = Value(FAILED, tone="bad")


def range_table(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor], layout: Layout
) -> Table:
    """Return every backbone on every executor, failed ones too.

    Args:
        backbones: In the order of the rows (or columns).
        executors: All of the report's; speeds are relative to the first.
        layout: Whether models are rows or columns.

    Returns:
        The table, without the optional quantities that no backbone has a figure for, and of
        quoted figures without any that their source does not give.
    """
    quoted = any(backbone.quoted for backbone in backbones)
    shown = [
        quantity
        for quantity in quantities(executor_name(executors[0]), quoted=quoted)
        if not _is_left_out(quantity, backbones, quoted=quoted)
    ]
    if layout == "models":
        return _models_as_rows(backbones, executors, shown)
    return _models_as_columns(backbones, executors, shown)


def _is_left_out(quantity: Quantity, backbones: Sequence[BackboneSummary], *, quoted: bool) -> bool:
    if isinstance(quantity, BackboneQuantity) or not (quantity.optional or quoted):
        return False
    return all(
        quantity.show(backbone, cell) == ABSENT
        for backbone in backbones
        for cell in backbone.measured
    )


def _models_as_rows(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor], shown: Sequence[Quantity]
) -> Table:
    differing = differing_settings(backbones)
    names = ("model", *differing, *_backend_keys(executors, "backend"))
    rows = [
        Row(
            (
                backbone_name(backbone),
                *(setting_text(backbone, name) for name in differing),
                *_backend_keys(executors, executor_name(cell.executor)),
            ),
            tuple(_field(backbone, cell, quantity) for quantity in shown),
        )
        for backbone in backbones
        for cell in backbone.cells
    ]
    return Table(
        keys=tuple(Column(name, align="left") for name in names),
        columns=tuple(quantity.column for quantity in shown),
        rows=tuple(rows),
        nested=len(executors) > 1,
    )


def _backend_keys(executors: Sequence[Executor], key: str) -> tuple[str, ...]:
    """Return the key that tells backends apart; none where there is one, which the title names."""
    return (key,) if len(executors) > 1 else ()


def _field(
    backbone: BackboneSummary, cell: MeasuredSummary | FailedSummary, quantity: Quantity
) -> Value:
    if isinstance(quantity, CellQuantity):
        return quantity.show(backbone, cell) if isinstance(cell, MeasuredSummary) else FAILURE
    return quantity.show(backbone) if cell is backbone.cells[0] else SAID_ABOVE


def _models_as_columns(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor], shown: Sequence[Quantity]
) -> Table:
    differing = differing_settings(backbones)
    ordered = sorted(shown, key=lambda quantity: SECTIONS.index(quantity.section))
    return Table(
        keys=tuple(
            Column(name, align="left") for name in ("", *_backend_keys(executors, "backend"))
        ),
        columns=tuple(_model_column(backbone, differing) for backbone in backbones),
        rows=tuple(
            row for quantity in ordered for row in _quantity_rows(backbones, executors, quantity)
        ),
    )


def _model_column(backbone: BackboneSummary, differing: Sequence[str]) -> Column:
    settings = (setting_text(backbone, name) for name in differing)
    unit = " ".join((weights_name(backbone.weights), *settings))
    return Column(clean(backbone.model), unit, align="right")


def _quantity_rows(
    backbones: Sequence[BackboneSummary], executors: Sequence[Executor], quantity: Quantity
) -> list[Row]:
    if isinstance(quantity, BackboneQuantity):
        values = tuple(quantity.show(backbone) for backbone in backbones)
        return [Row((quantity.label, *_backend_keys(executors, "")), values, quantity.section)]
    return [
        Row(
            (quantity.label, *_backend_keys(executors, executor_name(executor))),
            tuple(_field_of(backbone, executor, quantity) for backbone in backbones),
            quantity.section,
        )
        for executor in executors
    ]


def _field_of(backbone: BackboneSummary, executor: Executor, quantity: CellQuantity) -> Value:
    cell = next((cell for cell in backbone.cells if cell.executor == executor), None)
    return ABSENT if cell is None else _field(backbone, cell, quantity)


def differing_settings(backbones: Sequence[BackboneSummary]) -> tuple[str, ...]:
    """Return the settings that are not the same for all backbones, and so belong to their names."""
    return tuple(
        name
        for name in ("embedding", "batch", "threads")
        if len({setting_text(backbone, name) for backbone in backbones}) > 1
    )


def setting_text(backbone: BackboneSummary, name: str) -> str:
    """Return one of the settings that ``differing_settings`` names, in words."""
    settings = {
        "embedding": clean(backbone.embedding),
        "batch": f"batch {backbone.batch}",
        "threads": f"{'?' if backbone.threads is None else backbone.threads} threads",
    }
    return settings[name]
