"""What follows from an evaluation: its best cell, the time of a search, pairs to look at. Pure."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from simx.results.schema.evaluation import Estimate, EvaluatedCell, FailedEvaluation

MILLION = 1_000_000

PairKind = Literal["false positive", "false negative", "borderline", "best"]
"""Wrongly above the threshold, wrongly below it, nearest to it, and the most similar right ones."""


class PicturedPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two pictures as JPEG, without any metadata; ``same`` is whether they belong together.

    No report holds such: only the run that has the pictures at hand can show them.
    """

    kind: PairKind
    cosine: float
    same: bool
    left: bytes
    right: bytes


def best_cell(cells: Iterable[EvaluatedCell | FailedEvaluation]) -> EvaluatedCell | None:
    """Return the cell that comes out best; None if all failed."""
    good = (each for each in cells if isinstance(each, EvaluatedCell))
    return min(good, key=lambda each: each.behind.value, default=None)


def figure(cell: EvaluatedCell, name: str) -> Estimate | None:
    """Return a cell's figure that has an interval; None where it is not known.

    Args:
        cell: What was evaluated.
        name: That of a field of the cell, its retrieval or its separation.
    """
    parts = (cell, cell.retrieval, cell.separation)
    found = next((getattr(part, name) for part in parts if hasattr(part, name)), None)
    return found if isinstance(found, Estimate) else None


def search_ms(cell: EvaluatedCell, vectors: int) -> float | None:
    """Return the milliseconds of one exact search among a million vectors, scaled from a run.

    Args:
        cell: Its run searched for each of ``vectors`` among all of them.
        vectors: How many there were.
    """
    if cell.search_seconds is None:
        return None
    return 1e3 * cell.search_seconds / vectors * MILLION / vectors
