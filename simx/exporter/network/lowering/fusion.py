"""Puts a batch norm into the convolution before it, as every engine does when it loads a graph.

It leaves the exporter a third fewer nodes. That the values stay the same within float32 is shown by
the export's own verification, like everything else.
"""

from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.nn.utils.fusion import fuse_conv_bn_weights

from simx.exporter.network.lowering.tensors import HeldTensors

_CONVOLUTION = torch.ops.aten.conv2d.default
_BATCH_NORM = torch.ops.aten.batch_norm.default


def fuse_batch_norms(program: ExportedProgram, held: HeldTensors) -> None:
    """Fuse every batch norm in evaluation mode that alone reads a convolution."""
    for norm in program.graph.find_nodes(op="call_function", target=_BATCH_NORM):
        convolution = norm.args[0]
        if _is_alone_with(convolution, norm):
            _fuse(convolution, norm, held)


def _is_alone_with(convolution: Node, norm: Node) -> bool:
    is_training = norm.args[5]
    return (
        convolution.target is _CONVOLUTION and set(convolution.users) == {norm} and not is_training
    )


def _fuse(convolution: Node, norm: Node, held: HeldTensors) -> None:
    _, weight_node, *rest = convolution.args
    bias_node, options = (rest[0], rest[1:]) if rest else (None, [])
    weight, bias = held.of(weight_node), held.of(bias_node)
    scale, shift, mean, variance = (held.of(node) for node in norm.args[1:5])
    if (
        weight is None
        or mean is None
        or variance is None
        or (bias_node is not None and bias is None)
    ):
        return
    epsilon: Any = norm.args[7]
    fused_weight, fused_bias = fuse_conv_bn_weights(
        weight, bias, mean, variance, epsilon, scale, shift
    )
    nodes = held.add(fused_weight), held.add(fused_bias)
    convolution.args = (convolution.args[0], *nodes, *options)
    norm.replace_all_uses_with(convolution)
    norm.graph.erase_node(norm)
