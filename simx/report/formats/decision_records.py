"""Decisions for programs: one record for each backbone that was looked at, beaten or not."""

from collections.abc import Sequence

import msgspec

from simx.models.backbone import full_name
from simx.report.formats.comma_separated import safe, written
from simx.report.formats.json import json_document
from simx.report.words.recommendation import VERDICTS, answer, network_name
from simx.report.words.shares import on_target
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.schema.evaluation import Estimate
from simx.results.summaries.decision import Contender, Decision
from simx.results.summaries.merit import keeps, verdict
from simx.results.summaries.summary import TargetId


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A backbone that was looked at.

    ``rank`` counts from 1 among the unbeaten ones that keep the limits; None for the others. Times
    are in milliseconds, None without an interval; ``margin_counts`` is false for random weights.
    ``limits`` is kept, cannot be told or missed. The shares are those of an evaluation: ``ranked``
    is the figure that ranks embeddings, and ``behind`` how far it is below the best.
    """

    rank: int | None
    model: str
    weights: str
    embedding: str
    backend: str
    provider: str
    precision: str
    batch: int
    threads: int | None
    latency_of: str
    latency_ms: float
    ci_low_ms: float | None
    ci_high_ms: float | None
    acc1: float | None
    margin: float | None
    margin_counts: bool
    weights_origin: str
    unbeaten: bool
    keeps_limits: bool
    limits: str
    recall_at_1: float | None
    recall_at_1_low: float | None
    recall_at_1_high: float | None
    ranked: float | None
    behind: float | None
    behind_low: float | None
    behind_high: float | None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One decision. ``answer`` is its text; ``take`` and ``nearest`` are ``model:weights``.

    With an evaluation, whose time is ``evaluated``, they name the target too, and backend, provider
    and precision are None: the decision is for all.
    """

    backend: str | None
    provider: str | None
    precision: str | None
    latency_of: str
    max_latency_ms: float | None
    min_acc1: float | None
    min_recall: float | None
    evaluated: str | None
    ranked_by: str | None
    only_timed: tuple[str, ...]
    only_evaluated: tuple[str, ...]
    order: str
    drift: float
    take: str | None
    nearest: tuple[str, ...]
    answer: str
    backbones: tuple[Record, ...]


def to_csv(decisions: Sequence[Decision]) -> str:
    """Return every backbone of all decisions under one header, best first, the beaten ones last."""
    records = (record for decision in decisions for record in _records(decision))
    rows = (list(map(_field, msgspec.structs.astuple(record))) for record in records)
    return written(Record.__struct_fields__, rows)


def to_json(decisions: Sequence[Decision]) -> str:
    """Return one document; several as a list."""
    documents = [_document(decision) for decision in decisions]
    return json_document(documents[0] if len(documents) == 1 else documents)


def _document(decision: Decision) -> Document:
    limits, fitting, joined = decision.limits, decision.fitting, decision.joined
    found = joined.evaluation if joined else None
    names = msgspec.structs.astuple(decision.target) if decision.target else (None,) * 3
    return Document(
        **dict(zip(TargetId.__struct_fields__, names, strict=True)),
        latency_of=decision.latency_of,
        max_latency_ms=_milliseconds(limits.max_latency_ns),
        min_acc1=limits.min_acc1,
        min_recall=limits.min_recall,
        evaluated=found.created if found else None,
        ranked_by=found.ranked_by if found else None,
        only_timed=tuple(map(network_name, joined.only_timed if joined else ())),
        only_evaluated=tuple(map(on_target, joined.only_evaluated if joined else ())),
        order=decision.order,
        drift=decision.drift,
        take=_name(decision, fitting[0]) if fitting and (limits.any or len(fitting) == 1) else None,
        nearest=tuple(_name(decision, each) for each in decision.nearest),
        answer=answer(decision),
        backbones=_records(decision),
    )


def _records(decision: Decision) -> tuple[Record, ...]:
    fitting, front = decision.fitting, decision.pareto_front
    kept_out = [each for each in front if each not in fitting]
    beaten = [each for each in decision.contenders if each not in front]
    return tuple(_record(decision, each) for each in (*fitting, *kept_out, *beaten))


def _record(decision: Decision, contender: Contender) -> Record:
    backbone, cell, merit = contender.backbone, contender.cell, contender.merit
    time, fitting, joined = merit.latency, decision.fitting, decision.joined
    recall_at_1, recall_at_1_low, recall_at_1_high = _ends(merit.recall)
    ranked, *_ = _ends(merit.ranked(joined.evaluation.ranked_by) if joined else None)
    behind, behind_low, behind_high = _ends(merit.distance)
    return Record(
        rank=fitting.index(contender) + 1 if contender in fitting else None,
        model=backbone.model,
        weights=backbone.weights,
        embedding=backbone.embedding,
        **msgspec.structs.asdict(cell.target),
        batch=backbone.batch,
        threads=backbone.threads,
        latency_of=decision.latency_of,
        latency_ms=time.median_ns / NANOSECONDS_PER_MS,
        ci_low_ms=_milliseconds(time.low_ns),
        ci_high_ms=_milliseconds(time.high_ns),
        acc1=merit.acc1,
        margin=cell.margin,
        margin_counts=merit.margin is not None,
        weights_origin=cell.weights_origin,
        unbeaten=contender in decision.pareto_front,
        keeps_limits=keeps(merit, decision.limits),
        limits=VERDICTS[verdict(merit, decision.limits)],
        recall_at_1=recall_at_1,
        recall_at_1_low=recall_at_1_low,
        recall_at_1_high=recall_at_1_high,
        ranked=ranked,
        behind=behind,
        behind_low=behind_low,
        behind_high=behind_high,
    )


def _ends(share: Estimate | None) -> tuple[float | None, ...]:
    return (share.value, share.low, share.high) if share else (None,) * 3


def _milliseconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / NANOSECONDS_PER_MS


def _name(decision: Decision, contender: Contender) -> str:
    name = full_name(contender.backbone.model, contender.backbone.weights)
    return f"{name} on {contender.cell.target.name}" if decision.joined else name


def _field(value: object) -> str:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.9g}"
    return "" if value is None else str(value)
