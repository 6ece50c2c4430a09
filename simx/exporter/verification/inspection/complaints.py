"""All rules, in the order in which a breach explains the others."""

from collections.abc import Iterator

import onnx

from simx.exporter.verification.inspection import batch, evaluation, form, interface, weights
from simx.exporter.verification.inspection.expectation import Expectation
from simx.exporter.verification.inspection.walk import Walk


def complaints(model: onnx.ModelProto, expected: Expectation) -> Iterator[str]:
    """Say what a graph has that an export must not have.

    Args:
        model: the graph; values that lie in another file need not be loaded.
        expected: the network it was made of.

    Yields:
        A line for each breach, which names the node or tensor.
    """
    walk = Walk(model)
    yield from interface.complaints(walk, expected)
    yield from evaluation.complaints(walk)
    yield from batch.complaints(walk, expected.batch)
    yield from weights.complaints(walk, expected.weights)
    yield from form.complaints(walk, expected)
