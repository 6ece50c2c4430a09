"""The tools of ONNX Runtime that make another precision of a graph, and how they are set.

Imports onnx and onnxruntime, but not torch; runs inside a worker only. What is said of the tools
was seen with onnxruntime 1.32.
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

from simx.exporter.store.manifest import INPUT_NAME, SINGLE_FILE_LIMIT

Array = npt.NDArray[np.float32]


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
