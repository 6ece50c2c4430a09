"""Makes a traced program ready for translation to ONNX, so that torch need not trace it again.

``torch.onnx.export`` decomposes every program, which traces it again and takes half of an export.
A backbone needs little of that: constants are folded, batch norms go into the convolutions before
them, and the few operators without a counterpart in ONNX are replaced. Imports torch; runs inside
an export worker only.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg
from torch.nn.utils.fusion import fuse_conv_bn_weights

from simx.exporter.network.lowering.functional import make_functional
from simx.exporter.network.lowering.tensors import HeldTensors

_NEW_ZEROS = torch.ops.aten.new_zeros.default
"""Uses only the type of its tensor: with plain sizes the result does not depend on the values."""

_CONVOLUTION = torch.ops.aten.conv2d.default
_BATCH_NORM = torch.ops.aten.batch_norm.default


def lower(program: ExportedProgram) -> ExportedProgram:
    """Make a traced program ready for translation, in place.

    If a pass leaves something that torch's exporter would decompose, it still does.

    Returns:
        The program that was given.
    """
    held = HeldTensors(program)
    _fold_constants(program, held)
    _fuse_batch_norms(program, held)
    make_functional(program)
    held.remove_unused()
    program.graph.lint()
    program.graph_module.recompile()
    decompose = program.run_decompositions

    def only_if_needed(table: Mapping[Any, Any] | None = None, **options: Any) -> ExportedProgram:  # noqa: ANN401 - torch's own
        is_needed = table is None or _needs_decomposition(program, table)
        return decompose(table, **options) if is_needed else program

    program.run_decompositions = only_if_needed
    return program


def _needs_decomposition(program: ExportedProgram, table: Mapping[Any, Any]) -> bool:
    """Whether a program holds an operator of a decomposition table, or one that writes in place."""
    targets = [node.target for node in program.graph.nodes if node.op == "call_function"]
    return any(
        target in table or getattr(getattr(target, "_schema", None), "is_mutable", False)
        for target in targets
    )


def _fold_constants(program: ExportedProgram, held: HeldTensors) -> None:
    """Compute every node whose inputs are all known, such as masks, and keep what others read.

    It follows the program's order: a tensor that is written in place is read as it is then.
    """
    known: dict[Node, Any] = {}
    for node in tuple(program.graph.nodes):
        if (value := held.of(node)) is not None:
            known[node] = value
        elif node.op == "call_function" and _is_computable(node, known):
            known[node] = _computed(node, known)
        else:
            for read in node.all_input_nodes:
                if read in known and read.op == "call_function":
                    node.replace_input_with(read, held.add(known[read]))
    for node in reversed(known):
        if node.op == "call_function":
            program.graph.erase_node(node)


def _is_computable(node: Node, known: Mapping[Node, Any]) -> bool:
    inputs = node.all_input_nodes
    if node.target is _NEW_ZEROS:
        return inputs == [node.args[0]]
    return bool(inputs) and all(each in known for each in inputs)


def _computed(node: Node, known: Mapping[Node, Any]) -> Any:  # noqa: ANN401 - tensors, or lists of them
    operator: Any = node.target
    args: Any
    if node.target is _NEW_ZEROS:
        like, *others = node.args
        assert isinstance(like, Node)  # noqa: S101 - a method's first argument is its tensor
        args = (torch.empty(0, dtype=like.meta["val"].dtype), *others)
    else:
        args = map_arg(node.args, known.__getitem__)
    with torch.no_grad():
        return operator(*args, **map_arg(node.kwargs, known.__getitem__))


def _fuse_batch_norms(program: ExportedProgram, held: HeldTensors) -> None:
    """Fuse batch norms in evaluation mode into the convolutions that only they read.

    That leaves a third fewer nodes, and engines do it anyway. Verification shows that the values
    stay the same within float32.
    """
    for norm in program.graph.find_nodes(op="call_function", target=_BATCH_NORM):
        convolution, is_training = norm.args[0], norm.args[5]
        is_alone = convolution.target is _CONVOLUTION and set(convolution.users) == {norm}
        if is_alone and not is_training:
            _fuse(convolution, norm, held)


def _fuse(convolution: Node, norm: Node, held: HeldTensors) -> None:
    features, weight_node, *rest = convolution.args
    bias_node, *options = rest or [None]
    weight, bias = held.of(weight_node), held.of(bias_node)
    scale, shift, mean, variance = (held.of(node) for node in norm.args[1:5])
    is_bias_computed = bias_node is not None and bias is None
    name = held.name_of(weight_node)
    if weight is None or name is None or mean is None or variance is None or is_bias_computed:
        return
    layer = name.rpartition(".")[0]
    epsilon: Any = norm.args[7]
    fused = fuse_conv_bn_weights(weight, bias, mean, variance, epsilon, scale, shift)
    names = (f"{layer}.fused_weight", f"{layer}.fused_bias")
    convolution.args = (features, *map(held.add, fused, names), *options)
    norm.replace_all_uses_with(convolution)
    norm.graph.erase_node(norm)
