"""Does the exported file compute what torch computes? Asked before it is published.

Imports onnx and onnxruntime, but not torch; runs inside an export worker only.
"""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from simx.exporter.manifest import INPUT_NAME, OUTPUT_NAME
from simx.results.parity import disagreement, worst_parity
from simx.results.schema import Parity

Array = npt.NDArray[np.float32]


class VerificationError(Exception):
    """The exported file is not the backbone; the text says in what it differs."""


class Verified(msgspec.Struct, frozen=True):
    """What was found: the worst parity over all rows and batches, and the batches tried."""

    parity: Parity
    batches: tuple[int, ...]


def verify_export(
    path: Path, inputs: Array, reference: Array, batches: tuple[int, ...], threads: int
) -> Verified:
    """Check the file's form, then run it in ONNX Runtime and compare with torch's answer.

    Args:
        path: the ONNX file.
        inputs: real pictures, [N, 3, H, W].
        reference: torch's embeddings of them, [N, D].
        batches: batch sizes to run, none of them the exported one, none above N.
        threads: of the session.

    Raises:
        VerificationError: another interface, a frozen batch, or parity beyond the bounds.
    """
    _check_form(path, reference.shape[1])
    session = _session(path, threads)
    parity = worst_parity(
        pair
        for batch in batches
        for pair in zip(_run(session, inputs[:batch]), reference[:batch], strict=True)
    )
    complaint = disagreement(parity)
    if complaint is not None:
        raise VerificationError(complaint)
    return Verified(parity, batches)


def _check_form(path: Path, dim: int) -> None:
    """The checker passes, names are ours, the batch is free, and no local function is left."""
    onnx.checker.check_model(str(path))
    graph = onnx.load(str(path), load_external_data=False).graph
    form = [_shape(value) for value in (*graph.input, *graph.output)]
    names = [value.name for value in (*graph.input, *graph.output)]
    if names != [INPUT_NAME, OUTPUT_NAME]:
        raise VerificationError(f"its inputs and outputs are named {names}")
    if form[0][0] is not None or form[1] != (None, dim):
        raise VerificationError(f"its shapes are {form}, where the batch must be free")


def _shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, inputs: Array) -> Array:
    output: Array = session.run([OUTPUT_NAME], {INPUT_NAME: inputs})[0]
    if not np.isfinite(output).all():
        raise VerificationError("its embedding holds values that are not finite")
    return output
