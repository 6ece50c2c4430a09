"""Replaces operators of torchvision's classifiers that ONNX has no counterpart for.

These are operators in place, adaptive pooling, batch norms without a convolution, and a synonym.
"""

import operator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

_aten = torch.ops.aten

_IN_PLACE = {
    _aten.add_.Tensor: _aten.add.Tensor,
    _aten.mul_.Tensor: _aten.mul.Tensor,
    _aten.relu_.default: _aten.relu.default,
}
_SYNONYMS = {_aten.swapaxes.default: _aten.transpose.int}

_FRESH = frozenset(
    {
        *_IN_PLACE.values(),
        _aten.batch_norm.default,
        _aten.cat.default,
        _aten.conv2d.default,
        _aten.gelu.default,
        _aten.hardswish.default,
        _aten.layer_norm.default,
        _aten.linear.default,
        _aten.sigmoid.default,
        _aten.silu.default,
    }
)
"""Operators whose result is always new memory, never an input or a view of one."""

_BATCH_NORM = _aten.batch_norm.default
_EVALUATED_BATCH_NORM = _aten._native_batch_norm_legit_no_training.default  # noqa: SLF001 - its name
_FLATTENING = _aten.flatten.using_ints
_POOLING = _aten.adaptive_avg_pool2d.default


def make_functional(program: ExportedProgram) -> None:
    """Exchange the operators whose values certainly stay the same."""
    for node in program.graph.nodes:
        node.target = _SYNONYMS.get(node.target, node.target)
        if node.target in _IN_PLACE and _is_only_reader(node):
            node.target = _IN_PLACE[node.target]
    for node in tuple(program.graph.nodes):
        if node.target is _POOLING:
            _exchange_pooling(program, node)
        elif node.target is _FLATTENING and _dims(node) == _dims(node.args[0]):
            # A pooled embedding, for example, is flat already.
            _remove(program, node)
        elif node.target is _BATCH_NORM and not node.args[5]:
            _exchange_batch_norm(node)


def _is_only_reader(node: Node) -> bool:
    """Whether nothing else reads the overwritten tensor, neither itself nor through a view."""
    overwritten = node.args[0]
    return (
        isinstance(overwritten, Node)
        and overwritten.target in _FRESH
        and set(overwritten.users) == {node}
    )


def _exchange_pooling(program: ExportedProgram, node: Node) -> None:
    features: Any
    size: Any
    features, size = node.args
    if tuple(size) == tuple(features.meta["val"].shape[-2:]):
        _remove(program, node)
    elif tuple(size) == (1, 1):
        node.target = _aten.mean.dim
        node.args = (features, [-2, -1], True)


def _dims(node: Any) -> int:  # noqa: ANN401 - an argument of a node, which is a tensor
    dims: int = node.meta["val"].dim()
    return dims


def _remove(program: ExportedProgram, node: Node) -> None:
    """Let the readers of a node, and the program's output if it is one, use its first argument."""
    features: Any = node.args[0]
    program.graph_signature.replace_all_uses(node.name, features.name)
    node.replace_all_uses_with(features)
    node.graph.erase_node(node)


def _exchange_batch_norm(node: Node) -> None:
    """Use the operator of evaluation mode; the first of its three results is the same."""
    *tensors, _, momentum, epsilon, _ = node.args
    graph, value = node.graph, node.meta["val"]
    with graph.inserting_before(node):
        evaluated = graph.call_function(_EVALUATED_BATCH_NORM, (*tensors, momentum, epsilon))
        first = graph.call_function(operator.getitem, (evaluated, 0))
    nothing = value.new_empty(0)
    evaluated.meta = {**node.meta, "val": (value, nothing, nothing)}
    first.meta = dict(node.meta)
    node.replace_all_uses_with(first)
    graph.erase_node(node)
