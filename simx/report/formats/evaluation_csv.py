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


def _rows(found: Evaluation) -> Iterator[dict[str, str]]:
    for cell in found.cells:
        its = identity_fields(cell.identity) | {"weights_origin": cell.weights_origin or ""}
        if not isinstance(cell, EvaluatedCell):
            yield its | {"status": "failed", "reason": safe(f"{cell.stage}: {cell.reason}")}
            continue
        hashes = ("weights_sha256", "artefact_sha256")
        its |= {"status": "ok"} | {name: safe(getattr(cell, name)) for name in hashes}
        for name, value in _figures(cell, found.pictures.embedded):
            ends = {"value": value.value, "ci_low": value.low, "ci_high": value.high}
            yield its | {"figure": name} | {key: field(end) for key, end in ends.items()}


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
