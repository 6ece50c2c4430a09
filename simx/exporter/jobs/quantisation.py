"""An fp32 graph -> int8: ranges, corrected biases, and the nodes that stay in float.

Imports onnx and onnxruntime; runs inside an export worker only. Statements about the tools hold for
onnxruntime 1.32.
"""

import heapq
import math
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.registry import QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

from simx.exporter.store.manifest import Quantised
from simx.exporter.verification.half_precision import float_output, float_results
from simx.exporter.verification.outputs import session_options
from simx.exporter.verification.walk import Walk, attribute
from simx.results.statistics.vector_math import relative_l2

Array = npt.NDArray[np.float32]

GOAL = 0.1
"""Mean relative L2 error at which no more nodes are left in float: a cosine of 0.995, so that 0.99
is left on other pictures."""

_MOST_TRIALS = 64
_TRIALS_GFLOPS = 200.0
"""Graphs that are made and run in search of the nodes that cause the error: at most so many, and so
many GFLOPS in all, which bounds the time. One call of the largest networks takes seconds."""

_HELD_OUT = slice(0, 48, 4)
"""The pictures that show the error; the others give ranges and means."""

_WORST = 1e9
"""The error of an embedding that is not finite; a manifest holds no infinity."""

OPERATORS = sorted(QLinearOpsRegistry)
"""Those that ONNX Runtime computes in eight bits. The tool can quantise others, such as a
LayerNormalization, which then computes in float between roundings."""

_WITH_WEIGHTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")

_SHORT = 32
"""Products in a sum, up to which a convolution at the beginning stays in float. There numbers are
many and sums short: conversions cost more time than eight bits save, and the error is largest."""


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
        prepare(source, prepared, is_large=is_large)
        quantiser = Quantiser(prepared, inputs, threads, is_large=is_large)
        trials = int(min(_MOST_TRIALS, _TRIALS_GFLOPS / max(gflops, 1e-3)))
        found = sensitive_nodes(quantiser.nodes, quantiser.error, trials)
        quantiser.write(path, found.in_float)
    return msgspec.structs.replace(found, beginning=tuple(quantiser.beginning))


def prepare(source: Path, path: Path, *, is_large: bool) -> None:
    """Write a graph as the tool needs it, in which all nodes have names.

    Those that pool pictures do so by the operator that ONNX Runtime computes in eight bits.
    """
    quant_pre_process(
        str(source),
        str(path),
        # For shapes that onnx's own inference leaves open; these graphs have none.
        skip_symbolic_shape=True,
        save_as_external_data=is_large,
        all_tensors_to_one_file=is_large,
        external_data_location=f"{path.name}.data" if is_large else None,
    )
    model = onnx.load(str(path), load_external_data=False)
    walk, values = Walk(model), model.graph.value_info
    ranks = {each.name: len(each.type.tensor_type.shape.dim) for each in values}
    for place, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type} {place}"
        if node.op_type != "ReduceMean" or ranks.get(node.input[0]) != len("NCHW"):
            continue
        axes = walk.integers(node.input[-1]) or ()
        if {axis % 4 for axis in axes} == {2, 3} and attribute(node, "keepdims", 1):
            node.op_type = "GlobalAveragePool"
            del node.input[1:], node.attribute[:]
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

    ``beginning`` are the names of the nodes before the first long sums, ``nodes`` those of all
    others that can be quantised, and ``ranges`` those of the tensors. ``corrected`` are the weights
    and the input channels' means of the convolutions whose biases are corrected.
    """

    def __init__(
        self, prepared: Path, inputs: Sequence[Array], threads: int, *, is_large: bool
    ) -> None:
        """Measure ranges, means and answers of the graph in float."""
        self._prepared = prepared
        self._threads = threads
        self._is_large = is_large
        self._held_out, fitted = inputs[_HELD_OUT], list(inputs)
        del fitted[_HELD_OUT]
        graph = onnx.load(str(prepared)).graph
        weights = {each.name: each for each in graph.initializer}
        self._image = graph.input[0].name
        is_normalised = any(node.op_type == "LayerNormalization" for node in graph.node)
        self._operators = _WITH_WEIGHTS if is_normalised else OPERATORS
        begins = _end_of_short_sums(graph.node, weights)
        self.beginning, self.nodes = (
            [node.name for node in nodes if node.op_type in self._operators]
            for nodes in (graph.node[:begins], graph.node[begins:])
        )
        convolutions = [
            node
            for node in graph.node
            if node.op_type == "Conv" and [each in weights for each in node.input[1:]] == [True] * 2
        ]
        self.ranges, means = self._statistics({node.input[0] for node in convolutions}, fitted)
        self.corrected = {
            node.name: (numpy_helper.to_array(weights[node.input[1]]), means[node.input[0]])
            for node in convolutions
        }
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
            nodes_to_exclude=[*self.beginning, *in_float],
            op_types_to_quantize=self._operators,
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]},
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
        return [session.run(None, {self._image: each})[0] for each in self._held_out]

    def _statistics(
        self, averaged: Collection[str], inputs: Sequence[Array]
    ) -> tuple[TensorsData, dict[str, Array]]:
        """Return the range of each float tensor, and of some the mean of each channel, [C].

        Averaged over pictures: a single one's extremes would take steps from all others.
        """
        model = onnx.load(str(self._prepared), load_external_data=False)
        floats = [self._image, *float_results(model)]
        measured = [*product(("ReduceMin", "ReduceMax"), floats)]
        measured += [("GlobalAveragePool", name) for name in averaged]
        results = [f"{kind} of {name}" for kind, name in measured]
        for (kind, name), result in zip(measured, results, strict=True):
            model.graph.node.append(onnx.helper.make_node(kind, [name], [result]))
            model.graph.output.append(float_output(result))
        path = self._prepared.with_name("measured.onnx")
        onnx.save(model, str(path))
        session = onnxruntime.InferenceSession(path, session_options(self._threads))
        runs = [session.run(results, {self._image: each}) for each in inputs]
        means = {
            each: np.array([values.ravel() for values in of_pictures]).mean(axis=0)
            for each, of_pictures in zip(measured, zip(*runs, strict=True), strict=True)
        }
        ranges = {name: (means["ReduceMin", name], means["ReduceMax", name]) for name in floats}
        ranges[self._image] = (np.min(inputs), np.max(inputs))
        channels = {name: means["GlobalAveragePool", name] for name in averaged}
        return TensorsData(CalibrationMethod.MinMax, ranges), channels

    def _correct_biases(self, graph: onnx.GraphProto) -> None:
        """Take the mean effect of rounded weights out of the biases of the convolutions.

        Nagel and others, Data-Free Quantization Through Weight Equalization and Bias Correction
        (2019), section 4.2, with means that were measured.
        """
        tensors = {each.name: each for each in graph.initializer}
        producers = {node.output[0]: node for node in graph.node}
        for node in graph.node:
            if node.name not in self.corrected or node.input[1] not in producers:
                continue
            weight, bias = (
                [numpy_helper.to_array(tensors[part]) for part in producers[name].input]
                for name in node.input[1:]
            )
            shift = mean_shift(weight, *self.corrected[node.name])
            name = producers[node.input[2]].input[0]
            steps = bias[0] - np.round(shift / bias[1]).astype(np.int32)
            tensors[name].CopyFrom(numpy_helper.from_array(steps, name))


def mean_shift(quantised: Sequence[npt.NDArray[np.generic]], weights: Array, means: Array) -> Array:
    """Return the change of a convolution's mean output, [out], that rounded weights cause.

    Args:
        quantised: weights in int8, their scales [out], and their zero points, all 0.
        weights: the same in float32, [out, in / groups, ...].
        means: of each input channel, [in].
    """
    values, scales, _ = (each.astype(np.float32) for each in quantised)
    rounded = values * scales.reshape(-1, *[1] * (weights.ndim - 1))
    # [groups, out / groups, in / groups] by [groups, in / groups, 1]
    error = (rounded - weights).reshape(*weights.shape[:2], -1).sum(axis=2)
    groups = len(means) // weights.shape[1]
    error = error.reshape(groups, -1, weights.shape[1])
    return np.asarray((error @ means.reshape(groups, -1, 1)).ravel(), np.float32)


def _end_of_short_sums(
    nodes: Sequence[onnx.NodeProto], weights: Mapping[str, onnx.TensorProto]
) -> int:
    """Return the place of the first node with weights whose sums are not short; 0 without one.

    It is 0 as well if a MaxPool comes before. On a border between float and eight bits, ONNX
    Runtime computes it without a layout of its own, and a SqueezeNet takes twice as long.
    """
    for place, node in enumerate(nodes):
        if node.op_type == "MaxPool":
            return 0
        weight = weights.get(node.input[1]) if len(node.input) > 1 else None
        is_short = node.op_type == "Conv" and weight and math.prod(weight.dims[1:]) <= _SHORT
        if node.op_type in _WITH_WEIGHTS and not is_short:
            return place
    return 0
