"""Does a network hold in float16? Its fp32 graph is run with every result rounded to float16.

ONNX Runtime's CPU provider has no float16 kernels: it computes in float32 from one node to the
next, so an activation beyond float16's range comes out right there and as an infinity on a GPU.
Here each weight, and each node's result, passes through float16 before it is read. That is what
ONNX's reference evaluator does, in a tenth of its time. Sums inside a node stay in float32, as in
cuDNN's and cuBLAS's kernels by default.

Imports onnx and onnxruntime, but not torch; runs inside an export worker only.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from simx.exporter.verification.outputs import VerificationError, require_agreement, session_options
from simx.exporter.verification.walk import Walk, described
from simx.results.statistics.parity import FP16

Array = npt.NDArray[np.float32]

LARGEST = 65504.0
"""The largest finite number of IEEE 754's binary16."""

_VANISHES = 2.0**-25
"""Up to here a number is rounded to 0 in binary16."""

MARGIN = 2.0
"""Kept free below ``LARGEST``, as a factor: other pictures may give stronger activations."""

_SPARE = f", of which 1/{MARGIN:g} is for other pictures"

_ROUNDED = "simx_rounded"
_PEAK = "simx_peak"
"""What the names of the values that are added here begin with."""


def verify_in_float16(source: Path, inputs: Array, reference: Array, threads: int) -> None:
    """Run an fp32 graph as a device would that computes in float16.

    Args:
        source: the fp32 graph, with its weights inside or beside it.
        inputs: real pictures, float32 [N, 3, H, W].
        reference: torch's embeddings of them in fp32, [N, D].
        threads: of the session.

    Raises:
        VerificationError: a result comes too near the end of float16's range, with the name of its
            layer; or the embedding is off by more than fp16's bounds.
    """
    model = onnx.load(str(source), load_external_data=False)
    walk = Walk(model)
    image = model.graph.input[0].name
    weights = tuple(
        name for name, each in walk.initializers.items() if each.data_type == TensorProto.FLOAT
    )
    results = float_results(model)
    _round_values(model, weights, results)
    options = session_options(threads)
    # Optimisation would remove the rounding.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    folder = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(folder, str(source.parent))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    # One by one, because nothing is fused and some values are held three times.
    runs = [session.run(None, {image: each[np.newaxis]}) for each in inputs]
    peaks = np.max([each[1:] for each in runs], axis=0)
    peak_of = dict(zip((*weights, *results), map(float, peaks), strict=True))
    _require_in_range(peak_of, walk)
    condition = "with every result in float16, "
    lost = [name for name, peak in peak_of.items() if 0.0 < peak <= _VANISHES]
    if lost:
        condition += f"where all of {_place(lost[0], walk)} becomes 0, "
    embeddings = np.concatenate([each[0] for each in runs])
    require_agreement({len(inputs): embeddings}, reference, FP16, condition)


def _require_in_range(peak_of: Mapping[str, float], walk: Walk) -> None:
    for name, peak in peak_of.items():
        is_weight = name in walk.initializers
        if not peak > (LARGEST if is_weight else LARGEST / MARGIN):  # NaN is left to the parity
            continue
        size = f"{peak:,.0f}" if peak < 1e9 else f"{peak:.1e}"  # noqa: PLR2004 - still readable
        where, spare = ("", "") if is_weight else (" on the verification pictures", _SPARE)
        raise VerificationError(
            f"{_place(name, walk)} reaches {size}{where}: float16 ends at {LARGEST:,.0f}{spare}; "
            "use fp32, or scale the weights"
        )


def float_results(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the float32 results of a graph's nodes, in their order."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = (*inferred.value_info, *inferred.output)
    floats = {each.name for each in values if each.type.tensor_type.elem_type == TensorProto.FLOAT}
    return tuple(name for node in model.graph.node for name in node.output if name in floats)


def _round_values(
    model: onnx.ModelProto, weights: tuple[str, ...], results: tuple[str, ...]
) -> None:
    graph = model.graph
    image, embedding = graph.input[0].name, graph.output[0].name
    nodes = list(graph.node)
    rounded = {name: f"{_ROUNDED}_{name}" for name in (image, *weights, *results)}
    del graph.node[:], graph.output[:]
    graph.node.extend(_rounding(image, rounded[image]))
    for name in weights:
        graph.node.extend(_rounding(name, rounded[name]))
    for node in nodes:
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        changed.input[:] = [rounded.get(name, name) for name in node.input]
        graph.node.append(changed)
        for name in node.output:
            if name in rounded:
                graph.node.extend(_rounding(name, rounded[name]))
    graph.output.append(float_output(rounded[embedding]))
    for name in (*weights, *results):
        sizes, peak = f"{_PEAK}_of_{name}", f"{_PEAK}_{name}"
        graph.node.append(helper.make_node("Abs", [name], [sizes]))
        graph.node.append(helper.make_node("ReduceMax", [sizes], [peak], keepdims=0))
        graph.output.append(float_output(f"{_PEAK}_{name}"))


def _rounding(name: str, rounded: str) -> tuple[onnx.NodeProto, ...]:
    half = f"{rounded}_half"
    return (
        helper.make_node("Cast", [name], [half], to=TensorProto.FLOAT16),
        helper.make_node("Cast", [half], [rounded], to=TensorProto.FLOAT),
    )


def float_output(name: str) -> onnx.ValueInfoProto:
    """Return the description of a float32 output of any shape."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape=None)


def _place(name: str, walk: Walk) -> str:
    """Name a weight; or the node of a result, and the layer that it belongs to or follows."""
    if name in walk.initializers:
        return name
    text, nearest = described(walk.producers[name]), [walk.producers[name]]
    for node in nearest:
        # Weights keep torchvision's names: ``features.3.squeeze.weight``.
        names = [each for each in node.input if each in walk.initializers and "." in each]
        if names:
            layer = names[0].rpartition(".")[0]
            return f"{layer} ({text})" if node is nearest[0] else f"the {text} after {layer}"
        before = (walk.producers[each] for each in node.input if each in walk.producers)
        nearest += [each for each in before if each not in nearest]
    return f"the {text}"
