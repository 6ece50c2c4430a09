"""The figures of an evaluation in words: names, and shares in percent with their intervals."""

from simx.common.safe_text import clean
from simx.models.backbone import full_name
from simx.report.words.names import target_name, weights_name
from simx.report.words.values import ABSENT, Value
from simx.results.schema.evaluation import Estimate, EvaluatedCell, FailedEvaluation, FigureName
from simx.results.schema.report import MeasuredCell
from simx.results.summaries.summary import target_of

AnyCell = EvaluatedCell | FailedEvaluation | MeasuredCell

FIGURE_NAMES: dict[FigureName, str] = {
    "map_at_r": "mAP@R",
    "triplet_accuracy": "right triplets",
    "roc_auc": "ROC AUC",
}


def evaluated_name(cell: AnyCell) -> str:
    """Return model and weights; for weights of a file, its name where there is one."""
    file = getattr(cell, "weights_file", None) or (
        "file" if cell.weights_origin == "file" else None
    )
    weights = weights_name(cell.identity.weights) if file is None else clean(file)
    return full_name(clean(cell.identity.model), weights)


def on_target(cell: AnyCell) -> str:
    """Return model, weights and target."""
    return f"{evaluated_name(cell)} on {target_name(target_of(cell.identity))}"


def percent(estimate: Estimate | None) -> Value:
    """Return a share in percent, or a difference of two in percentage points."""
    return ABSENT if estimate is None else interval(estimate, 100, 1)


def interval(estimate: Estimate, scale: float, decimals: int) -> Value:
    """Return a figure, and its interval where there is one."""
    value, *ends = (
        "" if each is None else f"{scale * each:.{decimals}f}"
        for each in (estimate.value, estimate.low, estimate.high)
    )
    return Value(value, detail=f"({' to '.join(ends)})" if all(ends) else "")
