"""The cells of a report: their figures, relative to torch's in fp32 and to the best one."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from simx.evaluation.bootstrap import behind_best
from simx.evaluation.embedding import EmbeddedCell, Result
from simx.evaluation.figures import RANKED_BY, Figures, figures
from simx.evaluation.neighbours import Found
from simx.evaluation.relations import Truth
from simx.models.backbone import Backbone
from simx.results.schema.evaluation import (
    Estimate,
    EvaluatedCell,
    EvaluationConfig,
    FailedEvaluation,
)
from simx.results.schema.report import FailedCell
from simx.runner.bench.cells import BENCH


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

        weights = name, cell.client.plan.entry.manifest.weights.sha256
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
    target, is_own = of.cell.client.plan.target, of.backbone.file is not None
    return target.precision == "fp32" and (is_own or target.backend.executes == "weights")


def _record(
    cell: EmbeddedCell, of: Candidate, its: Figures, behind: Estimate, batch: int
) -> EvaluatedCell:
    client, manifest = cell.client, cell.client.plan.entry.manifest
    return EvaluatedCell(
        identity=msgspec.structs.replace(client.plan.identity, batch=of.backbone.batch_of(batch)),
        weights_origin=manifest.identity.weights_origin,
        weights_file=of.weights_file,
        weights_sha256=manifest.weights.sha256,
        artefact_sha256=client.plan.artefact_sha256,
        embedding_dim=client.embeddings.shape[1],
        parity=client.parity,
        placement=client.prepared.facts.placement,
        retrieval=its.retrieval,
        triplet_accuracy=its.triplet_accuracy,
        separation=its.separation,
        neighbours=its.found.nearest.shape[1],
        neighbours_kept=its.neighbours_kept,
        behind=behind,
        throughput=cell.throughput,
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
