"""Checks before publication that the exported file computes what torch computes.

Imports onnx and onnxruntime, but not torch; runs inside an export worker only.
"""

import math
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from simx.exporter.store.manifest import Verified
from simx.exporter.verification.inspection import Expectation, complaints
from simx.exporter.verification.pictures import margin_of, verification_batches
from simx.results.statistics.parity import FP32, Bounds, disagreement, worst_parity
from simx.results.statistics.vector_math import relative_l2

Array = npt.NDArray[np.float32]

_LEAST_DISTANCE = 10 * FP32.relative_l2
"""Between the embeddings of two pictures, as relative L2; the least that was seen is 0.01."""


class VerificationError(Exception):
    """The exported file is not the backbone; ``found`` has the figures if it could be run."""

    def __init__(self, text: str, found: Verified | None = None) -> None:
        super().__init__(text)
        self.found = found


def verify_export(
    path: Path,
    expected: Expectation | None,
    inputs: Array,
    reference: Array,
    threads: int,
    bounds: Bounds = FP32,
) -> Verified:
    """Check and inspect a file, then run it in ONNX Runtime and compare with torch's answers.

    Args:
        path: the ONNX file.
        expected: what its graph has to be, if it is simx's own.
        inputs: real pictures, float32 [N, 3, H, W].
        reference: torch's embeddings of them in fp32, [N, D], computed one by one.
        threads: of the session.
        bounds: how far an embedding may be from torch's.

    Raises:
        VerificationError: a graph that is not an export's, embeddings too similar to notice
            exchanged rows, or parity beyond the bounds.
    """
    onnx.checker.check_model(str(path))
    graph = onnx.load(str(path), load_external_data=False)
    for complaint in complaints(graph, expected) if expected else ():
        raise VerificationError(complaint)
    del graph
    distances = (relative_l2(one, other) or 0.0 for one, other in permutations(reference, 2))
    nearest = min(distances, default=math.inf)
    if nearest < _LEAST_DISTANCE:
        raise VerificationError(
            f"two pictures have almost the same embedding (relative L2 distance {nearest:.0e}, "
            f"at least {_LEAST_DISTANCE:.0e} is needed): exchanged rows would not be noticed"
        )
    return verify_answers(path, inputs, reference, threads, bounds)


def verify_answers(
    path: Path, inputs: Array, reference: Array, threads: int, bounds: Bounds
) -> Verified:
    """Run a file in ONNX Runtime and compare with torch's answers; arguments are as above.

    Raises:
        VerificationError: parity beyond the bounds, with the figures that were found.
    """
    options = session_options(threads)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    dim = reference.shape[1]
    if session.get_inputs()[0].shape[0] == 1:
        rows = [_run(session, each[np.newaxis], dim) for each in inputs]
        found = require_agreement({len(inputs): np.concatenate(rows)}, reference, bounds)
        return msgspec.structs.replace(found, verified_batches=(1,))
    answers = {
        batch: _run(session, inputs[:batch], dim) for batch in verification_batches(len(inputs))
    }
    return require_agreement(answers, reference, bounds)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return options with so many threads, which leave the processor to other workers at rest."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def require_agreement(
    answers: Mapping[int, Array], reference: Array, bounds: Bounds, condition: str = ""
) -> Verified:
    """Compare embeddings with torch's.

    Args:
        answers: to the first 1, 2, ... pictures, [N, D], by their number.
        reference: torch's embeddings of all pictures, [N, D].
        bounds: how far an embedding may be from torch's.
        condition: how the answers came about, which begins the error's text.

    Raises:
        VerificationError: parity beyond the bounds, with the figures that were found.
    """
    found = Verified(
        parity=worst_parity(
            pair
            for batch, answer in answers.items()
            for pair in zip(answer, reference[:batch], strict=True)
        ),
        verified_batches=tuple(answers),
        margin=margin_of(answers[max(answers)]),
        reference_margin=margin_of(reference),
    )
    if problem := disagreement(found.parity, bounds):
        raise VerificationError(condition + problem, found)
    return found


def _run(session: onnxruntime.InferenceSession, inputs: Array, dim: int) -> Array:
    output: Array = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    if output.shape != (len(inputs), dim):
        raise VerificationError(
            f"for a batch of {len(inputs)} it gives {list(output.shape)}, not {[len(inputs), dim]}"
        )
    if not np.isfinite(output).all():
        raise VerificationError("its embedding holds values that are not finite")
    return output
