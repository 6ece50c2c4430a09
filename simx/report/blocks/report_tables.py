"""The tables of a report's backbones with every figure, models as rows or as columns."""

from collections.abc import Iterator, Sequence

from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import ORIGIN, Quantity, quantities
from simx.report.words.names import backbone_name, differing_settings, setting_text, target_name
from simx.report.words.values import ABSENT, Value
from simx.results.summaries.summary import BackboneSummary, FailedSummary, MeasuredSummary, TargetId

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
    """Return the quantities, without those that are optional or quoted and have no figure.

    Speeds are relative to the first target.
    """
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
    known = {group for _, groups in VIEWS for group in groups}
    groups_shown = dict.fromkeys(each.column.group for each in shown)
    further = tuple(group for group in groups_shown if group not in known)
    return tuple(
        _models_as_rows(title, backbones, targets, of, detail=detail)
        for title, groups in (*VIEWS, ("Other figures", further))
        if (of := [each for group in groups for each in shown if each.column.group == group])
    )


def _models_as_rows(
    title: str,
    backbones: Sequence[BackboneSummary],
    targets: Sequence[TargetId],
    shown: Sequence[Quantity],
    *,
    detail: bool,
) -> Table:
    settings = differing_settings(backbones)
    names_backend = len(targets) > 1
    rows = tuple(
        Row(
            (
                *keys_of(backbone, settings),
                *((Value(target_name(cell.target)),) if names_backend else ()),
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
        values = (_figure_on(backbone, target, quantity) for backbone in backbones)
        yield Row((*map(Value, keys), *values), quantity.section)


def _figure_on(backbone: BackboneSummary, target: TargetId, quantity: Quantity) -> Value:
    cell = backbone.cells[0] if quantity.shared else cell_on(backbone, target)
    return quantity.show(backbone, cell) if cell else ABSENT


def cell_on(backbone: BackboneSummary, target: TargetId) -> MeasuredSummary | FailedSummary | None:
    """Return a backbone's cell on one target, if there is one."""
    return next((cell for cell in backbone.cells if cell.target == target), None)
