"""Another precision of an fp32 export: ONNX Runtime's tools convert its graph.

Imports onnx and onnxruntime, but not torch, whose answers lie beside the fp32 graph; runs inside an
export worker only. What is said of the tools was seen with onnxruntime 1.32.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from simx.exporter.jobs.calibration import calibration_pixels
from simx.exporter.jobs.job import Made, Stage, answer
from simx.exporter.jobs.messages import ExportRequest, FromFp32
from simx.exporter.store.manifest import (
    INPUT_NAME,
    MODEL_FILE,
    SINGLE_FILE_LIMIT,
    VERIFICATION_FILE,
)
from simx.exporter.store.stored_files import copy_as_recorded
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.reference import load_reference
from simx.images.preprocessing import normalise
from simx.workers.connection import Connection

Array = npt.NDArray[np.float32]


def main(connection: Connection) -> None:
    """Run an export worker: one request, one answer."""
    answer(connection, make)


def make(request: ExportRequest, stage: Stage) -> Made:
    """Write the graph in another precision, and a copy of torch's answers.

    Raises:
        Exception: the libraries' own errors; the stage that was named last has failed.
    """
    source, folder, preset = request.source, Path(request.folder), request.backbone.preset
    if not isinstance(source, FromFp32):
        raise TypeError("another precision is made from an fp32 export")
    stage("conversion")
    full, path = Path(source.folder) / MODEL_FILE, folder / MODEL_FILE
    if request.precision == "fp16":
        to_float16(full, path)
    else:
        pixels = calibration_pixels(request.backbone)
        to_int8(full, path, (normalise(each[None], preset) for each in pixels))
    answers = source.files[VERIFICATION_FILE]
    copy_as_recorded(full.with_name(VERIFICATION_FILE), answers, folder / VERIFICATION_FILE)
    reference = load_reference(folder / VERIFICATION_FILE, answers)
    expected = Expectation(crop=preset.crop, dim=reference.embeddings.shape[1])
    return Made(reference=reference, expected=expected, weights=source.weights)


def to_float16(source: Path, path: Path, limit: int = SINGLE_FILE_LIMIT) -> None:
    """Write a graph in float16 whose input and output stay float32.

    Args:
        source: the fp32 graph.
        path: where it goes.
        limit: size of the graph's files up to which onnx can infer shapes in memory. The exporter
            states those that matter; inference is for those it may have left out.
    """
    model = OnnxModel(
        convert_float_to_float16(
            onnx.load(str(source)),
            keep_io_types=True,
            disable_shape_infer=is_large(source, limit),
        )
    )
    # The casts at both ends are appended to the nodes, which the checker wants in order.
    model.topological_sort()
    onnx.save(model.model, str(path))


def to_int8(
    source: Path, path: Path, inputs: Iterable[Array], limit: int = SINGLE_FILE_LIMIT
) -> None:
    """Write a graph with quantised tensors: QDQ, per channel, calibrated by smallest and largest.

    Activations are unsigned, weights signed and of seven bits: that is what ONNX Runtime's own
    guide says for x86 without VNNI, whose sums of two products of 8 by 8 bits saturate.
    SqueezeNet's trained weights in all eight bits are off by 38 % there, in seven by 6 %. Where
    VNNI is, or CUDA, the eighth bit would be safe; one file serves all.

    Args:
        source: the fp32 graph.
        path: where it goes.
        inputs: of calibration, float32 [1, 3, crop, crop].
        limit: size of the graph's files from which intermediate ones keep weights beside them.
    """
    large = is_large(source, limit)
    # The tool writes beside what it reads, which must not be the store's own.
    with tempfile.TemporaryDirectory(dir=path.parent.parent, prefix="prepared-") as folder:
        prepared = Path(folder) / path.name
        _prepare(source, prepared, large=large)
        quantize_static(
            str(prepared),
            str(path),
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            use_external_data_format=large,
        )


def is_large(source: Path, limit: int) -> bool:
    """Whether a graph and what lies beside it are too large for one file."""
    files = source.parent.glob(f"{source.name}*")
    return sum(file.stat().st_size for file in files) > limit


def _prepare(source: Path, path: Path, *, large: bool) -> None:
    """Write a graph with its constants folded and the shape of every tensor."""
    quant_pre_process(
        str(source),
        str(path),
        # Symbolic inference is for shapes that onnx's own leaves open; of these graphs it is none.
        skip_symbolic_shape=True,
        save_as_external_data=large,
        all_tensors_to_one_file=large,
        external_data_location=f"{path.name}.data" if large else None,
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # which has no types
    """Hands inputs on, one after the other, as the tool asks for them."""

    def __init__(self, inputs: Iterable[Array]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, Array] | None:
        """Return the next input by its name, or None after the last one."""
        found = next(self._inputs, None)
        return None if found is None else {INPUT_NAME: found}
