"""Another precision of an fp32 export: ONNX Runtime's tools convert its graph.

Imports onnx and onnxruntime, but not torch, whose answers lie beside the fp32 graph; runs inside an
export worker only. Statements about the tools hold for onnxruntime 1.32.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from PIL import Image

from simx.exporter.jobs.job import Made, Stage, answer
from simx.exporter.jobs.orders import ExportRequest
from simx.exporter.store.manifest import (
    INPUT_NAME,
    MANIFEST_FILE,
    MODEL_FILE,
    SINGLE_FILE_LIMIT,
    VERIFICATION_FILE,
    read_manifest,
)
from simx.exporter.store.stored_files import copy_as_recorded
from simx.exporter.verification.half_precision import verify_in_float16
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.pictures import is_slow_to_verify
from simx.exporter.verification.reference import load_reference
from simx.images.decoding import decode
from simx.images.normalisation import normalise
from simx.images.pictures import bundled
from simx.images.preprocessing import crop
from simx.models.backbone import Backbone
from simx.workers.connection import Connection

Array = npt.NDArray[np.float32]

_SHARES = (0.9, 0.6)
"""The part of a picture's width and height that is calibrated on."""

_PARTS_FOR_A_GIANT = 4
"""One call of a giant takes seconds."""


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
    if is_half:
        to_float16(full, path)
    else:
        pixels = calibration_pixels(order.backbone)
        to_int8(full, path, (normalise(each[None], preset) for each in pixels))
    answers = manifest.files[VERIFICATION_FILE]
    copy_as_recorded(source / VERIFICATION_FILE, answers, folder / VERIFICATION_FILE)
    reference = load_reference(folder / VERIFICATION_FILE, answers)
    if is_half:
        stage("verification")
        inputs = reference.inputs(preset)
        verify_in_float16(full, inputs, reference.embeddings, request.threads)
    expected = Expectation(crop=preset.crop, dim=reference.embeddings.shape[1])
    return Made(reference=reference, expected=expected, weights=manifest.weights, full=manifest)


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


def to_int8(
    source: Path, path: Path, inputs: Iterable[Array], limit: int = SINGLE_FILE_LIMIT
) -> None:
    """Write a graph with quantised tensors: QDQ, per channel, calibrated by smallest and largest.

    Activations are unsigned; weights are signed and have seven bits, as ONNX Runtime's guide says
    for x86 without VNNI, whose sums of two products of 8 by 8 bits saturate. There SqueezeNet's
    trained weights are off by 38 % in eight bits and by 6 % in seven. The eighth bit would be safe
    with VNNI and on CUDA, but one file serves all.

    Args:
        source: the fp32 graph.
        path: where the new graph goes.
        inputs: of calibration, float32 [1, 3, crop, crop].
        limit: total size of the graph's files, in bytes, above which intermediate graphs keep
            their weights in separate files.
    """
    is_large = _total_bytes(source) > limit
    # The tool writes beside the file that it reads, which must not be in the store.
    with tempfile.TemporaryDirectory(dir=path.parent.parent, prefix="prepared-") as folder:
        prepared = Path(folder) / path.name
        quant_pre_process(
            str(source),
            str(prepared),
            # For shapes that onnx's own inference leaves open; these graphs have none.
            skip_symbolic_shape=True,
            save_as_external_data=is_large,
            all_tensors_to_one_file=is_large,
            external_data_location=f"{path.name}.data" if is_large else None,
        )
        quantize_static(
            str(prepared),
            str(path),
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            use_external_data_format=is_large,
        )


def _total_bytes(source: Path) -> int:
    """Return the size of a graph and of the files beside it that belong to it."""
    return sum(file.stat().st_size for file in source.parent.glob(f"{source.name}*"))


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # which has no types
    """Hands inputs to the tool, one after the other."""

    def __init__(self, inputs: Iterable[Array]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, Array] | None:
        """Return the next input by its name, or None after the last one."""
        found = next(self._inputs, None)
        return None if found is None else {INPUT_NAME: found}


def calibration_pixels(backbone: Backbone) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the pictures that int8 is calibrated on, the same every time.

    An int8 tensor has 256 values for the range that was seen in calibration. Parts of the bundled
    pictures in several sizes, some mirrored, show edges and surfaces of several scales. No picture
    that is verified and measured is among them.

    Yields:
        Pixels as the backbone sees them, uint8 [crop, crop, 3].
    """
    pictures = bundled()
    originals = [decode(path) for path in (pictures.anchor, pictures.positive, pictures.negative)]
    parts = itertools.product(_SHARES, (0, 1), (0, 1), originals)
    most = _PARTS_FOR_A_GIANT if is_slow_to_verify(backbone) else None
    for share, is_below, is_right, image in itertools.islice(parts, most):
        width, height = (max(1, round(share * side)) for side in image.size)
        left, top = is_right * (image.width - width), is_below * (image.height - height)
        part = image.crop((left, top, left + width, top + height))
        if is_right:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        yield crop(part, backbone.preset)
