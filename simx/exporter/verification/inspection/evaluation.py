"""Nothing of a graph is in training mode, and nothing in it is drawn at random."""

from collections.abc import Iterator

import onnx

from simx.exporter.verification.inspection.walk import Walk, attribute, described

_RANDOM = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)


def complaints(walk: Walk) -> Iterator[str]:
    """Say which nodes belong to training."""
    for node in walk.nodes:
        if problem := _problem(node):
            yield f"{described(node)} {problem}"


def _problem(node: onnx.NodeProto) -> str | None:
    if node.op_type in _RANDOM:
        return "draws at random"
    if node.op_type == "Dropout":
        # In evaluation mode it does nothing, and torch's exporter leaves none.
        return "is left from training"
    if node.op_type == "BatchNormalization" and (
        attribute(node, "training_mode", 0) or sum(map(bool, node.output)) > 1
    ):
        return "is in training mode: it takes its statistics from the batch"
    return None
