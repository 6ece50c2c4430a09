"""The cells of a report: their figures by embeddings and truth, with the draws of a bootstrap."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from simx.evaluation.bootstrap import Drawn, Statistic, behind_best
from simx.evaluation.embedding import EmbeddedCell, Result
from simx.evaluation.neighbours import DEPTHS, Found, kept, search
from simx.evaluation.relations import Truth
from simx.evaluation.separation import Separated
from simx.evaluation.vectors import Embeddings, Floats, Places
from simx.models.backbone import Backbone
from simx.results.schema.evaluation import (
    Estimate,
    EvaluatedCell,
    EvaluationConfig,
    FailedEvaluation,
    FigureName,
    Retrieval,
    Separation,
    TruthKind,
)
from simx.results.schema.report import FailedCell
from simx.runner.bench.cells import BENCH

_RETRIEVAL = (*(f"recall_at_{depth}" for depth in DEPTHS), "map_at_r")

RANKED_BY: dict[TruthKind, FigureName] = {
    "classes": "map_at_r",
    "changes": "map_at_r",
    "triplets": "triplet_accuracy",
    "pairs": "roc_auc",
}
"""The figure that says which backbone is best. Of those of retrieval, MAP@R differs most between
embeddings (Musgrave et al. 2020)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A cell's figures, each with its interval.

    ``drawn`` has all of them with their resamples. ``found`` are the neighbours of all pictures,
    and ``search_seconds`` what their search took.
    """

    retrieval: Retrieval | None
    triplet_accuracy: Estimate | None
    separation: Separation
    neighbours_kept: Estimate | None
    drawn: Drawn
    found: Found
    search_seconds: float


def figures(
    embeddings: Embeddings,
    truth: Truth,
    reference: Found | None,
    threads: int = 1,
    tick: Callable[[int], None] = lambda _: None,
) -> Figures:
    """Return a cell's figures.

    Args:
        embeddings: Those of N pictures.
        truth: Their relations.
        reference: The neighbours by torch's embedding in fp32, if there is one.
        threads: For the search.
        tick: Called with the number of finished queries.
    """
    begun = time.monotonic()
    found = search(embeddings, truth.labels, threads, tick)
    search_seconds = time.monotonic() - begun
    pairs = Separated(embeddings, truth)
    statistics: list[Statistic] = [pairs.statistic]
    relevant, units = found.relevant[truth.queries] > 0, truth.unit_of[truth.queries]
    if truth.labels is not None:
        values = np.column_stack([found.recalls, found.precision_at_r])[relevant]
        statistics.append(_means(_RETRIEVAL, values, units[relevant]))
    if reference is not None:
        shares = kept(found, reference)[truth.queries, np.newaxis]
        statistics.append(_means(("neighbours_kept",), shares, units))
    if truth.kind == "triplets":
        anchors = truth.pairs.left[::2]
        statistics.append(_means(("triplet_accuracy",), pairs.wins, truth.unit_of[anchors]))
    drawn = Drawn(statistics, truth.units, truth.resamples, truth.seed)
    retrieval = {name: drawn.estimate(name) for name in _RETRIEVAL if name in drawn.values}
    return Figures(
        retrieval=Retrieval(queries=int(relevant.sum()), **retrieval) if retrieval else None,
        triplet_accuracy=drawn.if_any("triplet_accuracy"),
        separation=pairs.record(drawn),
        neighbours_kept=drawn.if_any("neighbours_kept"),
        drawn=drawn,
        found=found,
        search_seconds=search_seconds,
    )


def _means(names: Sequence[str], values: Floats, units: Places) -> Statistic:
    """Return the means of values [Q, F], each row of which counts as often as its unit."""

    def means(counts: Floats) -> dict[str, float]:
        weights = counts[units]
        found = weights @ values / (weights.sum() or np.nan)
        return dict(zip(names, found.tolist(), strict=True))

    return means


class Candidate(NamedTuple):
    """An embedded or failed cell, its backbone, and the name of its weights file in a report."""

    cell: Result
    backbone: Backbone
    weights_file: str | None


def judged(
    candidates: Sequence[Candidate],
    keys: Sequence[str],
    truth: Truth,
    config: EvaluationConfig,
    progress: Callable[[float, str], None],
) -> tuple[EvaluatedCell | FailedEvaluation, ...]:
    """Return the record of each cell.

    Args:
        candidates: What was embedded, and what failed.
        keys: Of the N embedded pictures that count.
        truth: Their relations.
        config: Of the evaluation.
        progress: Called with the number of queries that were searched for, and what runs.
    """
    references: dict[tuple[str, str], Found] = {}
    found: dict[int, Figures] = {}
    for place in sorted(
        range(len(candidates)), key=lambda each: not _is_reference(candidates[each])
    ):
        cell, backbone, _ = candidates[place]
        if isinstance(cell, FailedCell):
            continue
        name, before = backbone.name, len(found) * len(keys)

        def tick(done: int, name: str = name, before: int = before) -> None:
            progress(before + done, f"judging {name}")

        weights = name, cell.plan.entry.manifest.weights.sha256
        known, embeddings = references.get(weights), cell.vectors.embeddings(keys)
        found[place] = figures(embeddings, truth, known, config.threads, tick)
        if _is_reference(candidates[place]):
            references.setdefault(weights, found[place].found)
    drawn, by = [each.drawn for each in found.values()], RANKED_BY[truth.kind]
    behind = behind_best([each.values[by] for each in drawn], [each.draws[by] for each in drawn])
    records = dict(zip(found, behind, strict=True))
    return tuple(
        _failed(each.cell, each, config.batch)
        if isinstance(each.cell, FailedCell)
        else _record(each.cell, each, found[place], records[place], config.batch)
        for place, each in enumerate(candidates)
    )


def _is_reference(of: Candidate) -> bool:
    """Whether a cell is in fp32, and of torch if torch can run it: others are compared with it."""
    if isinstance(of.cell, FailedCell):
        return False
    target, is_own = of.cell.plan.target, of.backbone.file is not None
    return target.precision == "fp32" and (is_own or target.backend.executes == "weights")


def _record(
    cell: EmbeddedCell, of: Candidate, its: Figures, behind: Estimate, batch: int
) -> EvaluatedCell:
    plan, manifest = cell.plan, cell.plan.entry.manifest
    return EvaluatedCell(
        identity=msgspec.structs.replace(plan.identity, batch=of.backbone.batch_of(batch)),
        weights_origin=manifest.identity.weights_origin,
        weights_file=of.weights_file,
        weights_sha256=manifest.weights.sha256,
        artefact_sha256=plan.artefact_sha256,
        embedding_dim=manifest.embedding_dim,
        parity=cell.proven.parity,
        placement=cell.proven.placement,
        retrieval=its.retrieval,
        triplet_accuracy=its.triplet_accuracy,
        separation=its.separation,
        neighbours=its.found.nearest.shape[1],
        neighbours_kept=its.neighbours_kept,
        behind=behind,
        throughput=cell.proven.throughput,
        search_seconds=its.search_seconds,
    )


def _failed(cell: FailedCell, of: Candidate, batch: int) -> FailedEvaluation:
    command = f"simx evaluate PICTURES --batch {batch}{cell.command.removeprefix(BENCH)}"
    return FailedEvaluation(
        identity=msgspec.structs.replace(cell.identity, batch=of.backbone.batch_of(batch)),
        weights_origin=cell.weights_origin,
        weights_file=of.weights_file,
        stage=cell.stage,
        reason=cell.reason,
        stderr=cell.stderr,
        command=command,
    )
