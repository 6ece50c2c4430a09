"""The result of ``simx evaluate`` as a document."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from simx.common.safe_text import clean, counted
from simx.models.catalogue import licence_notes
from simx.report.blocks.document import Block, Column, Facts, Heading, Paragraph, Points, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words.figures import brief
from simx.report.words.names import FAILED, RANDOM, listed, target_name
from simx.report.words.shares import FIGURE_NAMES, evaluated_name, interval, on_target, percent
from simx.report.words.values import ABSENT, Value
from simx.results.schema.evaluation import (
    Distribution,
    EvaluatedCell,
    Evaluation,
    FailedEvaluation,
    TruthKind,
)
from simx.results.summaries.evaluated import best_cell, search_ms
from simx.results.summaries.summary import target_of

_Column = tuple[Column, Callable[[EvaluatedCell], Value]]
"""A column with what it shows of a cell."""

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
    "a million": "size of a million embeddings in float32",
    "decoded/s": "pictures that all decoders together read, change and crop each second",
}

_SEARCHED = "time of one exact search among a million embeddings by this run's search in float64"


def evaluation_blocks(found: Evaluation) -> Iterator[Block]:
    """Yield the facts, the tables, what is best, and what could not be read or computed."""
    yield Heading(f"simx evaluation, {clean(found.created)}", level=1)
    yield Facts(_facts(found))
    if found.notes:
        yield Points(tuple(map(clean, found.notes)), "warning")
    good = [cell for cell in found.cells if isinstance(cell, EvaluatedCell)]
    if best := best_cell(found.cells):
        behind = Column(f"behind, {FIGURE_NAMES[found.ranked_by]}", "points")
        found_by = [each for each in _SEARCH if any(each[1](cell) != ABSENT for cell in good)]
        yield _table("Who finds what belongs together", (*found_by, (behind, _behind)), good)
        yield _table("What a threshold on the cosine separates", _SEPARATION, good)
        vectors = found.pictures.embedded
        search = (
            Column("search a million", "ms"),
            lambda cell: ABSENT if (ms := search_ms(cell, vectors)) is None else Value(brief(ms)),
        )
        yield _table("What it costs", (*_COST[:4], search, *_COST[4:]), good)
        yield Points((_best(found, best, good),))
    failed = tuple(
        f"{FAILED} {on_target(each)}: {clean(each.stage)}: {clean(each.reason)}"
        f"{f' (again: {clean(each.command)})' if each.command else ''}"
        for each in found.cells
        if isinstance(each, FailedEvaluation)
    )
    if failed:
        yield Points(failed, "bad")
    texts = tuple(
        f"{(each.sha256 or 'not read')[:12]}: {clean(each.reason)}"
        for each in found.pictures.unreadable
    )
    if texts:
        yield Paragraph("Pictures that are in no figure, by the beginning of their SHA-256:")
        yield Points(texts[:_MOST_LISTED], "warning")
    if len(texts) > _MOST_LISTED:
        yield Paragraph(f"and {len(texts) - _MOST_LISTED:,} more, which the report lists")
    pretrained = [cell for cell in good if cell.weights_origin == "pretrained"]
    if any(cell.weights_origin == "random" for cell in good):
        yield Paragraph(
            f"{RANDOM} random weights: the figures say nothing of the backbone", "faint"
        )
    names = ((each.identity.model, each.identity.weights) for each in pretrained)
    if licences := licence_notes(names):
        yield Points(licences, "faint")
    searched = f"scaled from {counted(found.pictures.embedded, 'vector')}"
    legend = {**_LEGEND, "search a million": f"{_SEARCHED}, {searched}"}
    yield Facts(tuple((name, (meaning,)) for name, meaning in legend.items()))


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
        names = Value(evaluated_name(cell), mark=mark), Value(target_name(target_of(cell.identity)))
        rows.append(Row((*names, *(value(cell) for _, value in columns))))
    heads = (column for column, _ in columns)
    return Table(title=title, columns=(*keys, *heads), rows=tuple(rows), keys=len(keys))


def _best(found: Evaluation, best: EvaluatedCell, cells: Sequence[EvaluatedCell]) -> str:
    tied = [
        on_target(each)
        for each in cells
        if each is not best and (each.behind.low is None or each.behind.low <= 0)
    ]
    text = f"Best by {FIGURE_NAMES[found.ranked_by]}: {on_target(best)}"
    if tied:
        return f"{text}; not told apart from it: {listed(tied, most=5)}."
    return f"{text}; all others are behind it." if len(cells) > 1 else f"{text}, alone."


def _behind(cell: EvaluatedCell) -> Value:
    is_best = cell.behind.low is not None and cell.behind.low <= 0
    return msgspec.structs.replace(percent(cell.behind), tone="best" if is_best else "plain")


def _spread(of: Distribution) -> Value:
    _, low, _, median, _, high, _ = of.quantiles
    return Value(f"{median:.2f}", detail=f"({low:.2f} to {high:.2f})")


def _retrieved(name: str, field: str) -> _Column:
    return Column(name, "%"), lambda cell: percent(getattr(cell.retrieval, field, None))


_SEARCH: tuple[_Column, ...] = (
    _retrieved("Recall@1", "recall_at_1"),
    _retrieved("Recall@5", "recall_at_5"),
    _retrieved("Recall@10", "recall_at_10"),
    _retrieved("mAP@R", "map_at_r"),
    (Column("right triplets", "%"), lambda cell: percent(cell.triplet_accuracy)),
    (Column("ROC AUC", "%"), lambda cell: percent(cell.separation.roc_auc)),
)
"""Some have figures only where there are classes, or triplets."""

_SEPARATION: tuple[_Column, ...] = (
    (Column("EER", "%"), lambda cell: percent(cell.separation.equal_error_rate)),
    (Column("threshold"), lambda cell: Value(f"{cell.separation.threshold:.3f}")),
    (Column("accuracy", "%"), lambda cell: percent(cell.separation.accuracy)),
    (Column("held out", "%"), lambda cell: percent(cell.separation.held_out_accuracy)),
    (Column("same", "median, 5 to 95 %"), lambda cell: _spread(cell.separation.positive)),
    (Column("different", "median, 5 to 95 %"), lambda cell: _spread(cell.separation.negative)),
    (Column("margin"), lambda cell: interval(cell.separation.margin, 1, 3)),
)


def _speed(speed: float | None) -> Value:
    return ABSENT if speed is None else Value(f"{speed:,.3g}")


_COST: tuple[_Column, ...] = (
    (Column("neighbours kept", "%"), lambda cell: percent(cell.neighbours_kept)),
    (Column("parity", "cosine"), lambda cell: Value(f"{cell.parity.cosine:.6f}")),
    (Column("dimension"), lambda cell: Value(f"{cell.embedding_dim:,}")),
    (Column("a million", "MB"), lambda cell: Value(f"{4 * cell.embedding_dim:,}")),
    (Column("embedded"), lambda cell: Value(f"{cell.throughput.embedded:,}")),
    (Column("pictures/s"), lambda cell: _speed(cell.throughput.images_per_second)),
    (Column("decoded/s"), lambda cell: _speed(cell.throughput.decoded_per_second)),
    (
        Column("run was", justify="left"),
        lambda cell: Value(cell.throughput.bound) if cell.throughput.bound else ABSENT,
    ),
)
