"""The tables of a report's backbones with every figure, models as rows or as columns."""

from collections.abc import Iterator, Sequence

from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import ORIGIN, Quantity, Show, quantities
from simx.report.words.names import backbone_name, differing_settings, setting_text, target_name
from simx.report.words.values import ABSENT, Value
from simx.results.summaries.summary import BackboneSummary, TargetId

_SIMILARITY = (
    "similarity, %",
    "similarity inference time, µs",
    "similarity from the host, µs",
    "embedding",
)

VIEWS = (
    ("Latency", ("forward", "catalogue")),
    ("Embedding time", ("embedding inference time, ms",)),
    ("Similarity", _SIMILARITY),
    ("Stages", ("stages of the anchor, ms", "stages of the negative, ms")),
    ("Parity and memory", ("parity with torch", "memory")),
)
"""The title of each table, and the groups of its columns."""

FURTHER = ("anchor", "forward", "stages", "parity with torch", "placement", "memory")
"""The sections of the rows that the origin lacked."""


def _shown_quantities(
    backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]
) -> tuple[Quantity, ...]:
    """Return the quantities, without those that are optional or quoted and have no figure."""
    quoted = any(backbone.quoted for backbone in backbones)
    return tuple(
        quantity
        for quantity in quantities(target_name(targets[0]), quoted=quoted)
        if quantity.shared
        or not (quantity.optional or quoted)
        or any(
            quantity.show(backbone, cell) != ABSENT
            for backbone in backbones
            for cell in backbone.measured
        )
    )


def views(
    backbones: Sequence[BackboneSummary], targets: Sequence[TargetId], *, detail: bool = False
) -> tuple[Table, ...]:
    """Return tables of all quantities; each has one row per cell, in the same order."""
    shown = _shown_quantities(backbones, targets)
    settings = differing_settings(backbones)
    backend = ("backend",) if len(targets) > 1 else ()
    keys = key_columns("model", *settings, *backend)
    known = {group for _, groups in VIEWS for group in groups}
    others = tuple(each.column.group for each in shown if each.column.group not in known)
    tables = []
    for title, groups in (*VIEWS, ("Other figures", tuple(dict.fromkeys(others)))):
        of = [each for group in groups for each in shown if each.column.group == group]
        rows = []
        for backbone, cell in ((each, cell) for each in backbones for cell in each.cells):
            target = [Value(target_name(cell.target)) for _ in backend]
            figures = (quantity.show(backbone, cell) for quantity in of)
            rows.append(Row((*keys_of(backbone, settings), *target, *figures)))
        if of:
            tables.append(
                Table(
                    title=title,
                    columns=(*keys, *(quantity.column for quantity in of)),
                    rows=tuple(rows),
                    keys=len(keys),
                    detail=detail,
                )
            )
    return tuple(tables)


def key_columns(*names: str) -> tuple[Column, ...]:
    """Return the columns that identify a row."""
    return tuple(Column(name, justify="left") for name in names)


def keys_of(backbone: BackboneSummary, settings: Sequence[str]) -> tuple[Value, ...]:
    """Return a backbone's name and those of its settings that differ between backbones."""
    texts = (backbone_name(backbone), *(setting_text(backbone, name) for name in settings))
    return tuple(map(Value, texts))


def origin_tables(
    backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]
) -> Iterator[Table]:
    """Yield the origin's table, models as columns, and another with the rows that it lacked."""
    shown = _shown_quantities(backbones, targets)
    settings = differing_settings(backbones)
    models = [
        Column(backbone_name(each), " ".join(setting_text(each, name) for name in settings))
        for each in backbones
    ]
    for sections, detail in ((ORIGIN, False), (FURTHER, True)):
        rows = tuple(
            row
            for section in sections
            for quantity in shown
            if quantity.section == section
            for row in _quantity_rows(backbones, targets, quantity)
        )
        keys = key_columns("", *(("backend",) if len(targets) > 1 else ()))
        columns = (*keys, *models)
        if rows:
            yield Table(columns=columns, rows=rows, keys=len(keys), detail=detail)


def _quantity_rows(
    backbones: Sequence[BackboneSummary], targets: Sequence[TargetId], quantity: Quantity
) -> Iterator[Row]:
    for target in targets[:1] if quantity.shared else targets:
        name = "" if quantity.shared else target_name(target)
        keys = (quantity.label, *((name,) if len(targets) > 1 else ()))
        values = (
            quantity.show(each, each.cells[0])
            if quantity.shared
            else figure_on(each, target, quantity.show)
            for each in backbones
        )
        yield Row((*map(Value, keys), *values), quantity.section)


def figure_on(backbone: BackboneSummary, target: TargetId, show: Show) -> Value:
    """Return a backbone's figure on one target, absent if it has no cell there."""
    shown = (show(backbone, cell) for cell in backbone.cells if cell.target == target)
    return next(shown, ABSENT)
