"""Makes a traced program ready for translation to ONNX, so that torch need not trace it again.

``torch.onnx.export`` decomposes every program, which traces it again and takes half of an export.
A backbone needs little of that: constants are folded, batch norms go into the convolutions before
them, and the few operators without a counterpart in ONNX (in place, adaptive pooling, other batch
norms, a synonym) are replaced. Imports torch; runs inside an export worker only.
"""

import operator
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec, TensorArgument
from torch.fx import Node
from torch.fx.node import map_arg
from torch.nn.utils.fusion import fuse_conv_bn_weights

_aten = torch.ops.aten

_NEW_ZEROS = _aten.new_zeros.default
"""Uses only the type of its tensor: with plain sizes the result does not depend on the values."""

_CONVOLUTION = _aten.conv2d.default
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


_STATE = (InputKind.PARAMETER, InputKind.BUFFER)
_HELD = (*_STATE, InputKind.CONSTANT_TENSOR)


_Values = Mapping[Any, Any]
"""The tensors (or lists of them) that nodes stand for."""


class HeldTensors:
    """The tensors of a program, by the placeholder that stands for each, and how they are made.

    Other weights of the same network give the tensors of the same program again.
    """

    def __init__(self, program: ExportedProgram) -> None:
        self._program = program
        self.names: dict[Node, str] = {}
        self._constants: dict[Node, torch.Tensor] = {}
        self._steps: list[Callable[[_Values], Any]] = []
        self._values: dict[Node, Any] = {}
        placeholders = program.graph.find_nodes(op="placeholder")
        for node, spec in zip(placeholders, program.graph_signature.input_specs, strict=True):
            if spec.kind in _HELD:
                target = str(spec.target)
                state, constants = program.state_dict, program.constants
                value = state[target] if target in state else constants[target]
                assert isinstance(value, torch.Tensor)  # noqa: S101 - a backbone holds nothing else
                self._values[node], self.names[node] = value, target
                if target not in state:
                    self._constants[node] = value.clone()  # the program may write into its own

        self._read = dict(self.names)

    def of(self, node: object) -> torch.Tensor | None:
        """Return the tensor that a placeholder stands for, None for anything else."""
        return self._values[node] if isinstance(node, Node) and node in self.names else None

    def name_of(self, node: object) -> str | None:
        """Return that tensor's name, such as ``features.0.0.weight``; None for anything else."""
        return self.names.get(node) if isinstance(node, Node) else None

    def compute(self, node: Node) -> None:
        """Compute a node of the program, whose inputs have values."""
        make = _computing(node)
        self._steps.append(lambda values: {node: make(values)})
        self._values[node] = make(self._values)

    def add(self, make: Callable[[_Values], Sequence[torch.Tensor]], *names: str) -> list[Node]:
        """Let the program have further constants, and return the placeholders that stand for them.

        ``make`` computes them. Each of ``names`` shows in the exported graph, and is made unique.
        """
        added = [*map(self._placed, _copied(make(self._values)), names)]
        self._steps.append(lambda values: zip(added, _copied(make(values)), strict=True))
        return added

    def made_of(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the lowered program's tensors by name, for a state dict of the network."""
        values: dict[Node, Any] = {node: each.clone() for node, each in self._constants.items()}
        values |= {node: state[name] for node, name in self._read.items() if name in state}
        for step in self._steps:
            values.update(step(values))
        return {name: values[node] for node, name in self.names.items()}

    def _placed(self, value: torch.Tensor, name: str) -> Node:
        program, graph = self._program, self._program.graph
        number = len(program.constants)
        target = f"{name}_{number}"
        # All shapes of a program live in one mode.
        values = (node.meta.get("val") for node in graph.nodes)
        mode = next(each.fake_mode for each in values if hasattr(each, "fake_mode"))
        with graph.inserting_before(next(iter(graph.nodes))):
            node: Node = graph.placeholder(f"c_simx_constant_{number}")
        node.meta["val"] = mode.from_tensor(value, static_shapes=True)
        argument = TensorArgument(name=node.name)
        program.graph_signature.input_specs.insert(
            0, InputSpec(InputKind.CONSTANT_TENSOR, argument, target)
        )
        program.constants[target] = value
        self._values[node], self.names[node] = value, target
        return node

    def finish(self) -> None:
        """Remove the tensors that the program does not read, and keep none."""
        program = self._program
        specs = program.graph_signature.input_specs
        placeholders = program.graph.find_nodes(op="placeholder")
        kept: list[InputSpec] = []
        for node, spec in zip(placeholders, tuple(specs), strict=True):
            if node.users or node not in self.names:
                kept.append(spec)
                continue
            holder = program.state_dict if spec.kind in _STATE else program.constants
            holder.pop(str(spec.target), None)
            del self.names[node]
            program.graph.erase_node(node)
        specs[:] = kept
        del self._program, self._values


def lower(program: ExportedProgram) -> HeldTensors:
    """Make a traced program ready for translation, in place.

    If a pass leaves something that torch's exporter would decompose, it still does.

    Returns:
        How the program's tensors follow from the network's.
    """
    held = HeldTensors(program)
    _fold_constants(program, held)
    _fuse_batch_norms(program, held)
    _make_functional(program)
    held.finish()
    program.graph.lint()
    program.graph_module.recompile()
    decompose = program.run_decompositions

    def only_if_needed(table: Mapping[Any, Any] | None = None, **options: Any) -> ExportedProgram:  # noqa: ANN401 - torch's own
        is_needed = table is None or _needs_decomposition(program, table)
        return decompose(table, **options) if is_needed else program

    program.run_decompositions = only_if_needed
    return held


def _copied(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [each.detach().clone(memory_format=torch.contiguous_format) for each in tensors]


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

    def copied(read: Node) -> Node:
        (constant,) = held.add(lambda values: [values[read]], "simx_constant")
        return constant

    computed: dict[Node, None] = {}
    for node in tuple(program.graph.nodes):
        if node.op == "call_function" and _is_computable(node, computed, held):
            held.compute(node)
            computed[node] = None
            continue
        for read in node.all_input_nodes:
            if read in computed:
                node.replace_input_with(read, copied(read))
    for node in reversed(computed):
        program.graph.erase_node(node)


def _is_computable(node: Node, computed: Container[Node], held: HeldTensors) -> bool:
    inputs = node.all_input_nodes
    if node.target is _NEW_ZEROS:
        return inputs == [node.args[0]]
    return bool(inputs) and all(each in computed or held.of(each) is not None for each in inputs)


def _computing(node: Node) -> Callable[[_Values], Any]:
    """Return how a node is computed of the values of its inputs; the node may be erased then."""
    compute: Any = node.target
    args, options = node.args, node.kwargs
    if compute is _NEW_ZEROS:
        like, *others = args
        assert isinstance(like, Node)  # noqa: S101 - a method's first argument is its tensor
        compute = partial(compute, torch.empty(0, dtype=like.meta["val"].dtype))
        args = tuple(others)

    def computed(values: _Values) -> Any:  # noqa: ANN401 - tensors, or lists of them
        with torch.no_grad():
            return compute(
                *map_arg(args, values.__getitem__), **map_arg(options, values.__getitem__)
            )

    return computed


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
    mean, variance = map(held.of, norm.args[3:5])
    is_bias_computed = bias_node is not None and bias is None
    name = held.name_of(weight_node)
    if weight is None or name is None or mean is None or variance is None or is_bias_computed:
        return
    layer = name.rpartition(".")[0]
    epsilon: Any = norm.args[7]
    read = (weight_node, bias_node, norm.args[3], norm.args[4], norm.args[1], norm.args[2])

    def fused(values: _Values) -> Sequence[torch.Tensor]:
        # Without a bias, a scale or a shift there is None, which torch takes for zeros and ones.
        weight, bias, mean, variance, scale, shift = (values.get(each) for each in read)
        assert weight is not None and mean is not None and variance is not None  # noqa: S101, PT018
        return fuse_conv_bn_weights(weight, bias, mean, variance, epsilon, scale, shift)

    names = (f"{layer}.fused_weight", f"{layer}.fused_bias")
    convolution.args = (features, *held.add(fused, *names), *options)
    norm.replace_all_uses_with(convolution)
    norm.graph.erase_node(norm)


def _make_functional(program: ExportedProgram) -> None:
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
