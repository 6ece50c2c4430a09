"""Computes, once and for all, what depends on no input: attention masks, position biases."""

from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg

from simx.exporter.network.lowering.tensors import HeldTensors

_FACTORIES = frozenset({torch.ops.aten.new_zeros.default})
"""Take a tensor for its kind alone: with plain sizes the result is the same whatever is in it."""


def fold_constants(program: ExportedProgram, held: HeldTensors) -> None:
    """Compute every node whose inputs are all known, and keep what the others read.

    In the program's order: what is written in place is read as it was at that moment.
    """
    known: dict[Node, Any] = {}
    for node in tuple(program.graph.nodes):
        if (value := held.of(node)) is not None:
            known[node] = value
        elif node.op == "call_function" and _is_computable(node, known):
            known[node] = _compute(node, known)
        else:
            _keep_what_is_read(node, known, held)
    for node in reversed(known):
        if node.op == "call_function":
            program.graph.erase_node(node)


def _is_computable(node: Node, known: dict[Node, Any]) -> bool:
    if node.target in _FACTORIES:
        return not any(isinstance(each, Node) for each in _flat(node.args[1:]))
    return bool(node.all_input_nodes) and all(each in known for each in node.all_input_nodes)


def _compute(node: Node, known: dict[Node, Any]) -> Any:  # noqa: ANN401 - tensors, or lists of them
    operator: Any = node.target
    args: Any
    if node.target in _FACTORIES:
        like, *others = node.args
        assert isinstance(like, Node)  # noqa: S101 - a method's first argument is its tensor
        args = (torch.empty(0, dtype=like.meta["val"].dtype), *others)
    else:
        args = map_arg(node.args, known.__getitem__)
    with torch.no_grad():
        return operator(*args, **map_arg(node.kwargs, known.__getitem__))


def _keep_what_is_read(reader: Node, known: dict[Node, Any], held: HeldTensors) -> None:
    for node in reader.all_input_nodes:
        if node in known and node.op == "call_function":
            reader.replace_input_with(node, held.add(known[node]))


def _flat(args: tuple[Any, ...]) -> list[Any]:
    return [each for arg in args for each in (arg if isinstance(arg, list | tuple) else [arg])]
