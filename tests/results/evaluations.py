"""A small synthetic evaluation for the tests of whatever reads one."""

import msgspec

from simx.results.schema.evaluation import (
    Distribution,
    Estimate,
    EvaluatedCell,
    Evaluation,
    EvaluationConfig,
    EvaluationSchemaId,
    FailedEvaluation,
    PicturesFacts,
    Retrieval,
    Separation,
    Throughput,
    Unreadable,
)
from simx.results.schema.report import MeasuredCell, Parity
from tests.results.builders import measured, report


def share(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.03125, high=value + 0.03125)


def evaluated(
    model: str, backend: str, ranked: float, behind: tuple[float, float], kept: float | None
) -> EvaluatedCell:
    """Return a cell with this mAP@R, its distance to the best one and how low that may be."""
    identity = measured().identity
    return EvaluatedCell(
        identity=msgspec.structs.replace(identity, model=model, backend=backend, batch=16),
        weights_origin="pretrained",
        weights_sha256="a" * 64,
        artefact_sha256="b" * 64,
        embedding_dim=512,
        parity=Parity(cosine=0.999999, relative_l2=1e-5),
        placement={"CPUExecutionProvider": 40},
        retrieval=Retrieval(
            queries=72,
            recall_at_1=share(ranked + 0.2),
            recall_at_5=share(ranked + 0.25),
            recall_at_10=share(ranked + 0.3),
            map_at_r=share(ranked),
        ),
        triplet_accuracy=None,
        separation=Separation(
            roc_auc=share(0.875),
            equal_error_rate=share(0.1875),
            threshold=0.625,
            accuracy=share(0.8125),
            held_out_accuracy=Estimate(value=0.75),
            folds=5,
            positive=Distribution(
                count=180, mean=0.8, quantiles=(0.4, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
            ),
            negative=Distribution(
                count=2376, mean=0.5, quantiles=(0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9)
            ),
            margin=Estimate(value=0.3, low=0.25, high=0.35),
        ),
        neighbours=10,
        neighbours_kept=None if kept is None else share(kept),
        behind=Estimate(value=behind[0], low=behind[1], high=2 * behind[0] - behind[1]),
        throughput=Throughput(
            embedded=72,
            reused=0,
            images_per_second=123.4,
            decoded_per_second=567.8,
            bound="network-bound",
        ),
        search_seconds=0.005184,
    )


def timed(cell: EvaluatedCell | FailedEvaluation, milliseconds: float) -> MeasuredCell:
    """Return the latencies of the network that an evaluation has, of batch 1."""
    assert isinstance(cell, EvaluatedCell)
    its = msgspec.structs.replace(cell.identity, batch=1)
    return msgspec.structs.replace(
        measured(its, milliseconds=milliseconds),
        weights_sha256=cell.weights_sha256,
        artefact_sha256=cell.artefact_sha256,
    )


def evaluation() -> Evaluation:
    """Return an evaluation with three cells, one that failed and an unreadable picture."""
    base = report(measured())
    assert base.environment is not None
    failed = FailedEvaluation(
        identity=measured().identity,
        weights_origin="random",
        stage="parity",
        reason="the embedding differs from torch's",
    )
    return Evaluation(
        schema=EvaluationSchemaId(),
        created="2026-01-05T12:00:00+00:00",
        simx="0.1.0",
        environment=base.environment,
        config=EvaluationConfig(
            backbones=("goodnet", "badnet"),
            backends=("torch", "ort"),
            providers=("CPUExecutionProvider",),
            embedding="pooled",
            precisions=("fp32",),
            batch=16,
            threads=2,
            weights=("pretrained",),
            units="queries",
            resamples=1000,
        ),
        pictures=PicturesFacts(
            truth="classes",
            pictures=72,
            embedded=72,
            classes=12,
            duplicates=1,
            sha256="c" * 64,
            pairs=2556,
            all_pairs=2556,
            unreadable=(
                Unreadable(sha256="d" * 64, reason="picture cannot be decoded"),
                Unreadable(sha256=None, reason="picture: no such file"),
            ),
        ),
        ranked_by="map_at_r",
        cells=(
            evaluated("goodnet", "torch", 0.625, (0.0, 0.0), None),
            evaluated("goodnet", "ort", 0.59375, (0.03125, -0.0625), 0.9375),
            evaluated("badnet", "torch", 0.25, (0.375, 0.3125), None),
            failed,
        ),
        seconds=12.5,
    )
