"""Renders an evaluation as tidy CSV: one row for each cell and figure, for other programs."""

from collections.abc import Iterator

from simx.report.formats.comma_separated import IDENTITY, field, identity_fields, safe, written
from simx.results.schema.evaluation import Estimate, EvaluatedCell, Evaluation
from simx.results.summaries.evaluated import search_ms

HEADER = (
    *(*IDENTITY, "status", "weights_origin", "weights_sha256", "artefact_sha256"),
    *("figure", "value", "ci_low", "ci_high", "reason"),
)


def to_string(found: Evaluation) -> str:
    """Return the cells in their order. Shares are from 0 to 1; what is not known has no row."""
    return written(HEADER, _rows(found))


def _rows(found: Evaluation) -> Iterator[list[str]]:
    for cell in found.cells:
        names = identity_fields(cell.identity)
        if not isinstance(cell, EvaluatedCell):
            reason = safe(f"{cell.stage}: {cell.reason}")
            yield [*names, "failed", cell.weights_origin or "", *[""] * 6, reason]
            continue
        hashes = safe(cell.weights_sha256), safe(cell.artefact_sha256)
        for name, value in _figures(cell, found.pictures.embedded):
            ends = (value.value, value.low, value.high)
            yield [*names, "ok", cell.weights_origin, *hashes, name, *map(field, ends), ""]


def _figures(cell: EvaluatedCell, vectors: int) -> Iterator[tuple[str, Estimate]]:
    for part in (cell.retrieval, cell.separation, cell, cell.throughput):
        for name in part.__struct_fields__ if part else ():
            value = getattr(part, name)
            if isinstance(value, float) and name != "search_seconds":
                value = Estimate(value=value)
            if isinstance(value, Estimate):
                yield name, value
    yield "embedding_dim", Estimate(value=cell.embedding_dim)
    if (search := search_ms(cell, vectors)) is not None:
        yield "search_a_million_ms", Estimate(value=search)
