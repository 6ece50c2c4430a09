"""Writes what ONNX has no counterpart for with operators that it has.

Those are the ones that torchvision's classifiers hold: operators in place, adaptive pooling, batch
norms that no convolution takes in, and a second name.
"""

import operator

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
"""Operators whose result is always new memory, and never an input or a view of one."""

_BATCH_NORM = _aten.batch_norm.default
_EVALUATED_BATCH_NORM = _aten._native_batch_norm_legit_no_training.default  # noqa: SLF001 - its name
_FLATTENING = _aten.flatten.using_ints
_POOLING = _aten.adaptive_avg_pool2d.default


def make_functional(program: ExportedProgram) -> None:
    """Exchange the operators for which it is plain that the values stay the same."""
    for node in program.graph.nodes:
        node.target = _SYNONYMS.get(node.target, node.target)
        if node.target in _IN_PLACE and _is_only_reader(node):
            node.target = _IN_PLACE[node.target]
    for node in program.graph.find_nodes(op="call_function", target=_POOLING):
        _exchange_pooling(node)
    for node in program.graph.find_nodes(op="call_function", target=_FLATTENING):
        _remove_idle_flattening(node)
    for node in program.graph.find_nodes(op="call_function", target=_BATCH_NORM):
        is_training = node.args[5]
        if not is_training:
            _exchange_batch_norm(node)


def _is_only_reader(node: Node) -> bool:
    """Whether nothing else can see what is overwritten: not by its name, not through a view."""
    overwritten = node.args[0]
    return (
        isinstance(overwritten, Node)
        and overwritten.target in _FRESH
        and set(overwritten.users) == {node}
    )


def _exchange_pooling(node: Node) -> None:
    features, size = node.args
    assert isinstance(features, Node)  # noqa: S101 - the operator's signature
    height_and_width = tuple(features.meta["val"].shape[-2:])
    if tuple(size) == height_and_width:  # type: ignore[arg-type]
        node.replace_all_uses_with(features)
        node.graph.erase_node(node)
    elif tuple(size) == (1, 1):  # type: ignore[arg-type]
        node.target = _aten.mean.dim
        node.args = (features, [-2, -1], True)


def _remove_idle_flattening(node: Node) -> None:
    """Leave out a flattening of what is flat already: a pooled embedding on its way out."""
    features = node.args[0]
    assert isinstance(features, Node)  # noqa: S101 - the operator's signature
    if features.meta["val"].dim() == node.meta["val"].dim():
        node.replace_all_uses_with(features)
        node.graph.erase_node(node)


def _exchange_batch_norm(node: Node) -> None:
    """Take the operator of evaluation mode, whose first result of three is the same."""
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
