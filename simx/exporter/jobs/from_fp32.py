"""Another precision of an fp32 export: ONNX Runtime's tools convert its graph.

Imports onnx and onnxruntime, but not torch, whose answers lie beside the fp32 graph; runs inside an
export worker only. Statements about the tools hold for onnxruntime 1.32.
"""

from pathlib import Path

import msgspec
import onnx
from msgspec import UNSET, UnsetType
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from simx.exporter.jobs.calibration import calibration_pixels
from simx.exporter.jobs.job import Made, Stage, answer
from simx.exporter.jobs.plan import ExportRequest
from simx.exporter.jobs.quantisation import to_int8
from simx.exporter.store.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    SINGLE_FILE_LIMIT,
    VERIFICATION_FILE,
    Quantised,
    read_manifest,
)
from simx.exporter.verification.half_precision import verify_in_float16
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.reference import load_reference
from simx.images.normalisation import normalise
from simx.workers.connection import Connection


def main(connection: Connection) -> None:
    """Run an export worker: one request, one answer."""
    answer(connection, make)


def make(request: ExportRequest, stage: Stage) -> Made:
    """Write the graph in another precision, and a copy of torch's answers.

    Raises:
        VerificationError: fp16 in which float16's range is left.
        Exception: the libraries' own errors; the stage that was named last has failed.
    """
    order, folder, source = request.order, Path(request.folder), Path(str(request.order.full))
    is_half, preset = order.identity.precision == "fp16", order.backbone.preset
    stage("conversion")
    manifest = read_manifest(source / MANIFEST_FILE)
    full, path = source / MODEL_FILE, folder / MODEL_FILE
    quantised: Quantised | UnsetType = UNSET
    if is_half:
        to_float16(full, path)
    else:
        quantised = _quantised(request, full, path)
    reference = load_reference(source / VERIFICATION_FILE, manifest.files[VERIFICATION_FILE])
    reference.save(folder / VERIFICATION_FILE)
    if is_half:
        stage("verification")
        inputs = reference.inputs(preset)
        verify_in_float16(full, inputs, reference.embeddings, request.threads)
    dim = reference.embeddings.shape[1]
    # The user's own graph may have any form.
    expected = None if order.backbone.file else Expectation(crop=preset.crop, dim=dim)
    return Made(
        reference=reference,
        expected=expected,
        weights=manifest.weights,
        full=manifest,
        quantised=quantised,
    )


def _quantised(request: ExportRequest, full: Path, path: Path) -> Quantised:
    """Write the graph in int8, and return what the manifest says of it."""
    backbone, calibration = request.order.backbone, request.order.calibration
    pixels = calibration_pixels(backbone, calibration)
    inputs = [normalise(each[None], backbone.preset) for each in pixels]
    found = to_int8(
        full,
        path,
        inputs,
        request.threads,
        gflops=backbone.gflops,
        is_large=_total_bytes(full) > SINGLE_FILE_LIMIT,
    )
    sha256 = None if calibration is None else calibration.sha256
    return msgspec.structs.replace(found, pictures=len(inputs), calibration_sha256=sha256)


def to_float16(source: Path, path: Path, limit: int = SINGLE_FILE_LIMIT) -> None:
    """Write a graph in float16 whose input and output stay float32.

    Args:
        source: the fp32 graph.
        path: where the new graph goes.
        limit: total size of the graph's files, in bytes, up to which onnx can infer shapes in
            memory. The exporter states those that matter; inference is for others.
    """
    is_large = _total_bytes(source) > limit
    full = onnx.load(str(source))
    half = convert_float_to_float16(full, keep_io_types=True, disable_shape_infer=is_large)
    model = OnnxModel(half)
    # The casts at both ends are appended to the nodes, which the checker wants in order.
    model.topological_sort()
    onnx.save(model.model, str(path))


def _total_bytes(source: Path) -> int:
    """Return the size of a graph and of the files beside it that belong to it."""
    return sum(file.stat().st_size for file in source.parent.glob(f"{source.name}*"))
