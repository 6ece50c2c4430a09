"""An fp32 graph -> int8: ranges, corrected biases, and the nodes that stay in float.

Imports onnx and onnxruntime; runs inside an export worker only. Statements about the tools hold for
onnxruntime 1.32.
"""

import heapq
import math
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

from simx.exporter.store.manifest import Quantised
from simx.exporter.verification.outputs import session_options
from simx.results.statistics.vector_math import relative_l2

Array = npt.NDArray[np.float32]

GOAL = 0.1
"""Mean relative L2 error at which no more nodes are left in float: a cosine of 0.995, so that 0.99
is left on other pictures."""

_MOST_TRIALS = 64
_TRIALS_GFLOPS = 200.0
"""Graphs that are made and run in search of the nodes that cause the error: at most so many, and so
many GFLOPS in all, which bounds the time. One call of the largest networks takes seconds."""

_LEAST_STEP = 4
_MOST_HELD_OUT = 12
"""Every fourth picture, or of many pictures so many, show the error; the others give ranges and
means."""

_WORST = 1e9
"""The error of an embedding that is not finite; a manifest holds no infinity."""

OPERATORS = sorted({*QLinearOpsRegistry, *QDQRegistry})
"""All that the tool can quantise, which is its default."""


def to_int8(
    source: Path,
    path: Path,
    inputs: Sequence[Array],
    threads: int = 1,
    *,
    gflops: float = 0.0,
    is_large: bool = False,
) -> Quantised:
    """Write a graph with quantised tensors (QDQ, weights per channel).

    Activations are unsigned; weights are signed and have seven bits, as ONNX Runtime's guide says
    for x86 without VNNI, whose sums of two products of 8 by 8 bits saturate. There SqueezeNet's
    trained weights are off by 38 % in eight bits and by 6 % in seven. The eighth bit would be safe
    with VNNI and on CUDA, but one file serves all. Unsigned weights of eight bits never saturate,
    but they are slower than fp32 with VNNI.

    Args:
        source: the fp32 graph.
        path: where the new graph goes.
        inputs: of calibration, each float32 [1, 3, crop, crop]; at least two.
        threads: of the sessions that run graphs.
        gflops: of the network, which limit the search for the nodes that stay in float.
        is_large: whether graphs keep their weights in separate files.

    Returns:
        What the manifest says of it.
    """
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
        _name_nodes(prepared)
        quantiser = Quantiser(prepared, inputs, threads, is_large=is_large)
        trials = int(min(_MOST_TRIALS, _TRIALS_GFLOPS / max(gflops, 1e-3)))
        found = sensitive_nodes(quantiser.nodes, quantiser.error, trials)
        quantiser.write(path, found.in_float)
    return found


def _name_nodes(path: Path) -> None:
    """Name the nodes without a name, which a user's own graph may have; the tool needs names."""
    model = onnx.load(str(path), load_external_data=False)
    for place, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type} {place}"
    onnx.save(model, str(path))


def sensitive_nodes(
    nodes: Sequence[str], error: Callable[[Collection[str]], float], trials: int
) -> Quantised:
    """Find the nodes that cause most of the error, until without them it is small enough.

    The part of the graph that causes the largest error when it alone is quantised is halved, again
    and again. A single node stays in float. (To leave out one node after the other misleads: where
    an error compensates another, it grows without either.)

    Args:
        nodes: all nodes that can be quantised, in the order of the graph.
        error: returns the error with these nodes in float and all others quantised.
        trials: most calls of ``error``; the first is always made.
    """
    before = error(())
    best = Quantised(error=before, error_without_choice=before)
    groups = [(-before, 0, len(nodes))]
    in_float: dict[str, float] = {}
    used = 1
    while groups and best.error > GOAL and used + 2 <= trials:
        alone, begin, end = heapq.heappop(groups)
        if end - begin > 1:
            middle = (begin + end) // 2
            for part in ((begin, middle), (middle, end)):
                others = (*nodes[: part[0]], *nodes[part[1] :])
                heapq.heappush(groups, (-error(others), *part))
            used += 2
            continue
        in_float[nodes[begin]] = -alone
        now = error(in_float)
        used += 1
        if now < best.error:
            best = Quantised(error=now, error_without_choice=before, in_float=dict(in_float))
    return best


class Quantiser:
    """Quantises one graph as often as needed, each time with other nodes in float.

    ``nodes`` are the names of all that can be quantised, ``ranges`` those of the tensors, and
    ``weights`` those of the convolutions whose biases are corrected, by the node's name.
    """

    def __init__(
        self, prepared: Path, inputs: Sequence[Array], threads: int, *, is_large: bool
    ) -> None:
        """Measure ranges, means and answers of the graph in float."""
        self._prepared = prepared
        self._threads = threads
        self._is_large = is_large
        step = max(_LEAST_STEP, math.ceil(len(inputs) / _MOST_HELD_OUT))
        self._held_out = inputs[::step]
        fitted = [each for place, each in enumerate(inputs) if place % step]
        self.ranges = _ranges(prepared, fitted, is_large=is_large)
        graph = onnx.load(str(prepared)).graph
        self.nodes = [node.name for node in graph.node if node.op_type in OPERATORS and node.name]
        weights = {each.name: each for each in graph.initializer}
        convolutions = [node for node in graph.node if _has_weights_and_bias(node, weights)]
        self.weights = {
            node.name: numpy_helper.to_array(weights[node.input[1]]) for node in convolutions
        }
        self._means = self._input_means(convolutions, fitted)
        self._answers = self._run(prepared)

    def write(self, path: Path, in_float: Collection[str]) -> None:
        """Write the graph with all but these nodes quantised."""
        quantizer = QDQQuantizer(
            load_model_with_shape_infer(self._prepared),
            per_channel=True,
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self.ranges,
            nodes_to_quantize=[],
            nodes_to_exclude=list(in_float),
            op_types_to_quantize=OPERATORS,
            extra_options={},
        )
        quantizer.quantize_model()
        self._correct_biases(quantizer.model.model.graph)
        quantizer.model.save_model_to_file(str(path), self._is_large)

    def error(self, in_float: Collection[str]) -> float:
        """Return the mean relative L2 error of the pictures that did not give the ranges."""
        with tempfile.TemporaryDirectory(dir=self._prepared.parent) as folder:
            path = Path(folder) / self._prepared.name
            self.write(path, in_float)
            pairs = zip(self._run(path), self._answers, strict=True)
            errors = [relative_l2(answer, expected) for answer, expected in pairs]
        return min(float(np.mean([_WORST if each is None else each for each in errors])), _WORST)

    def _run(self, path: Path) -> list[Array]:
        session = onnxruntime.InferenceSession(path, session_options(self._threads))
        name = session.get_inputs()[0].name
        return [session.run(None, {name: each})[0] for each in self._held_out]

    def _input_means(
        self, convolutions: Sequence[onnx.NodeProto], inputs: Sequence[Array]
    ) -> dict[str, Array]:
        """Return the mean of each input channel of each convolution, [C], by the node's name."""
        model = onnx.load(str(self._prepared), load_external_data=False)
        names = [f"mean of {node.name}" for node in convolutions]
        for node, name in zip(convolutions, names, strict=True):
            mean = onnx.helper.make_node("GlobalAveragePool", [node.input[0]], [name])
            model.graph.node.append(mean)
            kind = onnx.TensorProto.FLOAT
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
        path = self._prepared.with_name("means.onnx")
        onnx.save(model, str(path))
        session = onnxruntime.InferenceSession(path, session_options(self._threads))
        image = model.graph.input[0].name
        means = [session.run(names, {image: each}) for each in inputs if names]
        return {
            node.name: np.mean([each.ravel() for each in of_pictures], axis=0, dtype=np.float32)
            for node, of_pictures in zip(convolutions, zip(*means, strict=True), strict=True)
        }

    def _correct_biases(self, graph: onnx.GraphProto) -> None:
        """Take the mean effect of rounded weights out of the biases of the convolutions.

        Nagel and others, Data-Free Quantization Through Weight Equalization and Bias Correction
        (2019), section 4.2, with means that were measured.
        """
        tensors = {each.name: each for each in graph.initializer}
        producers = {node.output[0]: node for node in graph.node}
        for node in graph.node:
            sources = [producers.get(name) for name in node.input[1:]]
            if node.name not in self.weights or None in sources:
                continue
            weight, bias = (
                [numpy_helper.to_array(tensors[name]) for name in source.input]
                for source in sources
                if source is not None
            )
            shift = mean_shift(self.weights[node.name], weight, self._means[node.name])
            steps = np.round(shift / bias[1]).astype(np.int32)
            name = sources[1].input[0]  # type: ignore[union-attr]  # see above
            tensors[name].CopyFrom(numpy_helper.from_array(bias[0] - steps, name))


def mean_shift(weights: Array, quantised: Sequence[npt.NDArray[np.generic]], means: Array) -> Array:
    """Return the change of a convolution's mean output, [out], that rounded weights cause.

    Args:
        weights: float32 [out, in / groups, ...].
        quantised: the same in int8, its scales [out], and its zero points, all 0.
        means: of each input channel, [in].
    """
    values, scales, _ = (each.astype(np.float32) for each in quantised)
    rounded = values * scales.reshape(-1, *[1] * (weights.ndim - 1))
    # [groups, out / groups, in / groups] by [groups, in / groups, 1]
    error = (rounded - weights).reshape(*weights.shape[:2], -1).sum(axis=2)
    groups = len(means) // weights.shape[1]
    error = error.reshape(groups, -1, weights.shape[1])
    return np.asarray((error @ means.reshape(groups, -1, 1)).ravel(), np.float32)


def _has_weights_and_bias(node: onnx.NodeProto, weights: Collection[str]) -> bool:
    return (
        bool(node.name)
        and node.op_type == "Conv"
        and len(node.input) == 3  # noqa: PLR2004 - input, weights, bias
        and set(node.input[1:]) <= set(weights)
    )


def _ranges(prepared: Path, inputs: Sequence[Array], *, is_large: bool) -> TensorsData:
    """Return the range of each tensor: the extremes of a picture, averaged over the pictures.

    A single picture's extremes would take steps from all others.
    """
    calibrator = create_calibrator(
        prepared,
        OPERATORS,
        augmented_model_path=str(prepared.with_name("ranges.onnx")),
        calibrate_method=CalibrationMethod.MinMax,
        use_external_data_format=is_large,
        extra_options={"moving_average": True, "averaging_constant": 2 / (len(inputs) + 1)},
    )
    for each in inputs:
        calibrator.collect_data(Reader(each, calibrator.model.graph.input[0].name))
    return calibrator.compute_data()


class Reader(CalibrationDataReader):  # type: ignore[misc]  # which has no types
    """Hands one input to the tool."""

    def __init__(self, image: Array, name: str) -> None:
        self._images = [image]
        self._name = name

    def get_next(self) -> dict[str, Array] | None:
        """Return the input by its name, then None."""
        return {self._name: self._images.pop()} if self._images else None
