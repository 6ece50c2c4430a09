"""Decisions for programs: one record for each backbone that was looked at, beaten or not."""

from collections.abc import Callable, Mapping, Sequence

from simx.models.backbone import full_name
from simx.report.formats.comma_separated import Scalar, field, written
from simx.report.formats.json import json_document
from simx.report.words.recommendation import answer
from simx.report.words.shares import on_target
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.summaries.decision import Contender, Decision
from simx.results.summaries.merit import keeps, verdict

BACKBONE: Mapping[str, Callable[[Decision, Contender], Scalar]] = {
    "rank": lambda of, its: of.fitting.index(its) + 1 if its in of.fitting else None,
    "model": lambda _, its: its.backbone.model,
    "weights": lambda _, its: its.backbone.weights,
    "embedding": lambda _, its: its.backbone.embedding,
    "backend": lambda _, its: its.cell.target.backend,
    "provider": lambda _, its: its.cell.target.provider,
    "precision": lambda _, its: its.cell.target.precision,
    "batch": lambda _, its: its.backbone.batch,
    "threads": lambda _, its: its.backbone.threads,
    "latency_of": lambda of, _: of.latency_of,
    "latency_ms": lambda _, its: its.latency.median_ns / NANOSECONDS_PER_MS,
    "ci_low_ms": lambda _, its: _milliseconds(its.latency.low_ns),
    "ci_high_ms": lambda _, its: _milliseconds(its.latency.high_ns),
    "acc1": lambda _, its: its.acc1,
    "margin": lambda _, its: its.cell.margin,
    "margin_counts": lambda _, its: its.margin is not None,
    "weights_origin": lambda _, its: its.cell.weights_origin,
    "unbeaten": lambda of, its: its in of.pareto_front,
    "keeps_limits": lambda of, its: keeps(its, of.limits),
    "limits": lambda of, its: verdict(its, of.limits),
    "recall_at_1": lambda _, its: its.recall.value if its.recall else None,
    "recall_at_1_low": lambda _, its: its.recall.low if its.recall else None,
    "recall_at_1_high": lambda _, its: its.recall.high if its.recall else None,
    "ranked": lambda of, its: rank.value if (rank := of.ranked(its)) else None,
    "behind": lambda _, its: its.distance.value if its.distance else None,
    "behind_low": lambda _, its: its.distance.low if its.distance else None,
    "behind_high": lambda _, its: its.distance.high if its.distance else None,
}
"""The fields of a backbone that was looked at.

``rank`` counts from 1 among the unbeaten ones that keep the limits; None for the others. Times are
in milliseconds, None without an interval; ``margin_counts`` is false for random weights. ``limits``
is kept, cannot be told or missed. The shares are those of an evaluation: ``ranked`` is the figure
that ranks embeddings, and ``behind`` how far it is below the best.
"""

DECISION: Mapping[str, Callable[[Decision], object]] = {
    "backend": lambda of: of.target.backend if of.target else None,
    "provider": lambda of: of.target.provider if of.target else None,
    "precision": lambda of: of.target.precision if of.target else None,
    "latency_of": lambda of: of.latency_of,
    "max_latency_ms": lambda of: _milliseconds(of.limits.max_latency_ns),
    "min_acc1": lambda of: of.limits.min_acc1,
    "min_recall": lambda of: of.limits.min_recall,
    "evaluated": lambda of: of.joined.evaluation.created if of.joined else None,
    "ranked_by": lambda of: of.joined.evaluation.ranked_by if of.joined else None,
    "only_timed": lambda of: list(map(on_target, of.joined.only_timed if of.joined else ())),
    "only_evaluated": lambda of: list(
        map(on_target, of.joined.only_evaluated if of.joined else ())
    ),
    "order": lambda of: of.order,
    "drift": lambda of: of.drift,
    "take": lambda of: _name(of.fitting[0]) if of.is_single else None,
    "nearest": lambda of: list(map(_name, of.nearest)),
    "answer": answer,
    "backbones": lambda of: [
        {name: read(of, each) for name, read in BACKBONE.items()} for each in _backbones(of)
    ],
}
"""The fields of a decision. ``answer`` is its text; ``take`` and ``nearest`` are ``model:weights``.

With an evaluation, whose time is ``evaluated``, they name the target too, and backend, provider and
precision are None: the decision is for all.
"""


def to_csv(decisions: Sequence[Decision]) -> str:
    """Return every backbone of all decisions under one header, best first, the beaten ones last."""
    rows = (
        {name: field(read(decision, each)) for name, read in BACKBONE.items()}
        for decision in decisions
        for each in _backbones(decision)
    )
    return written(list(BACKBONE), rows)


def to_json(decisions: Sequence[Decision]) -> str:
    """Return one document; several as a list."""
    documents = [{name: read(of) for name, read in DECISION.items()} for of in decisions]
    return json_document(documents[0] if len(documents) == 1 else documents)


def _backbones(decision: Decision) -> tuple[Contender, ...]:
    fitting, front = decision.fitting, decision.pareto_front
    kept_out = [each for each in front if each not in fitting]
    beaten = [each for each in decision.contenders if each not in front]
    return (*fitting, *kept_out, *beaten)


def _milliseconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / NANOSECONDS_PER_MS


def _name(contender: Contender) -> str:
    name = full_name(contender.backbone.model, contender.backbone.weights)
    return f"{name} on {contender.cell.target.name}" if contender.evaluated else name
