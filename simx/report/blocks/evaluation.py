"""The result of ``simx evaluate`` as a document."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from simx.common.safe_text import clean, counted
from simx.models.backbone import full_name
from simx.report.blocks.document import Block, Column, Facts, Heading, Paragraph, Points, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words.names import FAILED, RANDOM, listed, target_name, weights_name
from simx.report.words.values import ABSENT, Value
from simx.results.schema.evaluation import (
    Distribution,
    Estimate,
    EvaluatedCell,
    Evaluation,
    FailedEvaluation,
    FigureName,
    TruthKind,
)
from simx.results.summaries.summary import target_of

_Cell = EvaluatedCell | FailedEvaluation

_Column = tuple[Column, Callable[[EvaluatedCell], Value]]
"""A column with what it shows of a cell."""

_FIGURES: dict[FigureName, str] = {
    "map_at_r": "mAP@R",
    "triplet_accuracy": "right triplets",
    "roc_auc": "ROC AUC",
}

_GROUPED: dict[TruthKind, str] = {
    "classes": "in {}",
    "changes": "each with its changed copies",
    "pairs": "in a list of pairs",
    "triplets": "in a list of triplets",
}

_DRAWN: dict[TruthKind, str] = {
    "classes": "classes",
    "changes": "pictures",
    "pairs": "first pictures",
    "triplets": "anchors",
}

_MOST_LISTED = 10
"""Unreadable pictures that a short document lists."""

_LEGEND = {
    "Recall@K": "share of queries with a picture of their class among the K nearest",
    "mAP@R": "mean average precision at R, the number of other pictures in the query's class",
    "EER": "error rate at the threshold with as many false positives as false negatives",
    "accuracy": "mean of right positives and right negatives at the best threshold",
    "held out": "the same for classes that had no part in choosing the threshold",
    "neighbours kept": "share of torch's fp32 nearest neighbours that stay among the nearest",
    "behind": "distance to the best cell; the intervals of all cells hold together, and a cell "
    "whose interval reaches 0 may be the best",
}


def evaluation_blocks(found: Evaluation) -> Iterator[Block]:
    """Yield the facts, the tables, what is best, and what could not be read or computed."""
    yield Heading(f"simx evaluation, {clean(found.created)}", level=1)
    yield Facts(_facts(found))
    if found.notes:
        yield Points(tuple(map(clean, found.notes)), "warning")
    good = [cell for cell in found.cells if isinstance(cell, EvaluatedCell)]
    if good:
        behind = Column(f"behind, {_FIGURES[found.ranked_by]}", "points")
        search = [each for each in _SEARCH if any(each[1](cell) != ABSENT for cell in good)]
        yield _table("Who finds what belongs together", (*search, (behind, _behind)), good)
        yield _table("What a threshold on the cosine separates", _SEPARATION, good)
        yield _table("What it costs", _COST, good)
        yield Points((_best(found, good),))
    failed = tuple(
        f"{FAILED} {_model(each)} on {_target(each)}: {clean(each.stage)}: {clean(each.reason)}"
        f"{f' (again: {clean(each.command)})' if each.command else ''}"
        for each in found.cells
        if isinstance(each, FailedEvaluation)
    )
    if failed:
        yield Points(failed, "bad")
    yield from _unreadable(found)
    if any(cell.weights_origin == "random" for cell in good):
        yield Paragraph(
            f"{RANDOM} random weights: the figures say nothing of the backbone", "faint"
        )
    yield Facts(tuple((name, (meaning,)) for name, meaning in _LEGEND.items()))


def _facts(found: Evaluation) -> tuple[tuple[str, tuple[str, ...]], ...]:
    its, config = found.pictures, found.config
    grouped = _GROUPED[its.truth].format(f"{its.classes:,} classes")
    pictures = [f"{counted(its.pictures, 'picture')} {grouped}"]
    if its.embedded > its.pictures:
        pictures.append(f"{its.embedded:,} embedded")
    if its.duplicates:
        pictures.append(counted(its.duplicates, "duplicate"))
    if its.unreadable:
        pictures.append(f"{len(its.unreadable):,} unreadable")
    sampled = f", sampled from {its.all_pairs:,}" if its.pairs < its.all_pairs else ""
    units = _DRAWN[its.truth] if config.units == "classes" else "queries"
    libraries = (f"{name} {version}" for name, version in found.environment.libraries.items())
    return (
        ("pictures", tuple(pictures)),
        ("compared", (f"{its.pairs:,} pairs{sampled}",)),
        ("intervals", ("95 %", f"bootstrap over {units}", f"{config.resamples:,} resamples")),
        ("machine", (clean(found.environment.cpu), counted(config.threads, "thread"))),
        ("software", (f"simx {clean(found.simx)}", *map(clean, libraries))),
    )


def _table(title: str, columns: Sequence[_Column], cells: Sequence[EvaluatedCell]) -> Table:
    keys = key_columns("model", "backend")
    rows = []
    for cell in cells:
        mark = RANDOM if cell.weights_origin == "random" else ""
        names = Value(_model(cell), mark=mark), Value(_target(cell))
        rows.append(Row((*names, *(value(cell) for _, value in columns))))
    heads = (column for column, _ in columns)
    return Table(title=title, columns=(*keys, *heads), rows=tuple(rows), keys=len(keys))


def _best(found: Evaluation, cells: Sequence[EvaluatedCell]) -> str:
    """Say which cell is best, and which cannot be told apart from it."""
    best = min(cells, key=lambda each: each.behind.value)
    tied = [
        f"{_model(each)} on {_target(each)}"
        for each in cells
        if each is not best and (each.behind.low is None or each.behind.low <= 0)
    ]
    text = f"Best by {_FIGURES[found.ranked_by]}: {_model(best)} on {_target(best)}"
    if tied:
        return f"{text}; not told apart from it: {listed(tied, most=5)}."
    return f"{text}; all others are behind it." if len(cells) > 1 else f"{text}, alone."


def _unreadable(found: Evaluation) -> Iterator[Block]:
    texts = tuple(
        f"{(each.sha256 or 'not read')[:12]}: {clean(each.reason)}"
        for each in found.pictures.unreadable
    )
    if texts:
        yield Paragraph("Pictures that are in no figure, by the beginning of their SHA-256:")
        yield Points(texts[:_MOST_LISTED], "warning")
    if len(texts) > _MOST_LISTED:
        yield Paragraph(f"and {len(texts) - _MOST_LISTED:,} more, which the report lists")


def _model(cell: _Cell) -> str:
    file = cell.weights_file or ("file" if cell.weights_origin == "file" else None)
    weights = weights_name(cell.identity.weights) if file is None else clean(file)
    return full_name(clean(cell.identity.model), weights)


def _target(cell: _Cell) -> str:
    return target_name(target_of(cell.identity))


def _behind(cell: EvaluatedCell) -> Value:
    is_best = cell.behind.low is not None and cell.behind.low <= 0
    return msgspec.structs.replace(_share(cell.behind), tone="best" if is_best else "plain")


def _share(estimate: Estimate | None) -> Value:
    return ABSENT if estimate is None else _interval(estimate, 100, 1)


def _interval(estimate: Estimate, scale: float, decimals: int) -> Value:
    """Return a figure, and its interval where there is one."""
    value, *ends = (
        "" if each is None else f"{scale * each:.{decimals}f}"
        for each in (estimate.value, estimate.low, estimate.high)
    )
    return Value(value, detail=f"({' to '.join(ends)})" if all(ends) else "")


def _spread(of: Distribution) -> Value:
    _, low, _, median, _, high, _ = of.quantiles
    return Value(f"{median:.2f}", detail=f"({low:.2f} to {high:.2f})")


def _retrieved(name: str, field: str) -> _Column:
    return Column(name, "%"), lambda cell: _share(getattr(cell.retrieval, field, None))


_SEARCH: tuple[_Column, ...] = (
    _retrieved("Recall@1", "recall_at_1"),
    _retrieved("Recall@5", "recall_at_5"),
    _retrieved("Recall@10", "recall_at_10"),
    _retrieved("mAP@R", "map_at_r"),
    (Column("right triplets", "%"), lambda cell: _share(cell.triplet_accuracy)),
    (Column("ROC AUC", "%"), lambda cell: _share(cell.separation.roc_auc)),
)
"""Some have figures only where there are classes, or triplets."""

_SEPARATION: tuple[_Column, ...] = (
    (Column("EER", "%"), lambda cell: _share(cell.separation.equal_error_rate)),
    (Column("threshold"), lambda cell: Value(f"{cell.separation.threshold:.3f}")),
    (Column("accuracy", "%"), lambda cell: _share(cell.separation.accuracy)),
    (Column("held out", "%"), lambda cell: _share(cell.separation.held_out_accuracy)),
    (Column("same", "median, 5 to 95 %"), lambda cell: _spread(cell.separation.positive)),
    (Column("different", "median, 5 to 95 %"), lambda cell: _spread(cell.separation.negative)),
    (Column("margin"), lambda cell: _interval(cell.separation.margin, 1, 3)),
)


def _speed(cell: EvaluatedCell) -> Value:
    speed = cell.throughput.images_per_second
    return ABSENT if speed is None else Value(f"{speed:,.3g}")


_COST: tuple[_Column, ...] = (
    (Column("neighbours kept", "%"), lambda cell: _share(cell.neighbours_kept)),
    (Column("parity", "cosine"), lambda cell: Value(f"{cell.parity.cosine:.6f}")),
    (Column("dimension"), lambda cell: Value(f"{cell.embedding_dim:,}")),
    (Column("a million", "MB"), lambda cell: Value(f"{4 * cell.embedding_dim:,}")),
    (Column("embedded"), lambda cell: Value(f"{cell.throughput.embedded:,}")),
    (Column("pictures/s"), _speed),
    (
        Column("run was", justify="left"),
        lambda cell: Value(cell.throughput.bound) if cell.throughput.bound else ABSENT,
    ),
)
