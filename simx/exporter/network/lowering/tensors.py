"""The parameters, buffers and constants of a traced program."""

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec, TensorArgument
from torch.fx import Node

_STATE = (InputKind.PARAMETER, InputKind.BUFFER)
_HELD = (*_STATE, InputKind.CONSTANT_TENSOR)


class HeldTensors:
    """The tensors of a program, by the placeholder that stands for each."""

    def __init__(self, program: ExportedProgram) -> None:
        self._program = program
        self._values: dict[Node, torch.Tensor] = {}
        self._names: dict[Node, str] = {}
        placeholders = program.graph.find_nodes(op="placeholder")
        for node, spec in zip(placeholders, program.graph_signature.input_specs, strict=True):
            if spec.kind in _HELD:
                target = str(spec.target)
                state, constants = program.state_dict, program.constants
                value = state[target] if target in state else constants[target]
                assert isinstance(value, torch.Tensor)  # noqa: S101 - a backbone holds nothing else
                self._values[node] = value
                self._names[node] = target

    def of(self, node: object) -> torch.Tensor | None:
        """Return the tensor that a placeholder stands for, None for anything else."""
        return self._values.get(node) if isinstance(node, Node) else None

    def name_of(self, node: object) -> str | None:
        """Return that tensor's name, such as ``features.0.0.weight``; None for anything else."""
        return self._names.get(node) if isinstance(node, Node) else None

    def add(self, value: torch.Tensor, name: str = "simx_constant") -> Node:
        """Give the program another constant, and return the placeholder that stands for it.

        ``name`` shows in the exported graph, and is made unique.
        """
        program, graph = self._program, self._program.graph
        number = len(program.constants)
        target = f"{name}_{number}"
        value = value.detach().clone(memory_format=torch.contiguous_format)
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
        self._values[node], self._names[node] = value, target
        return node

    def remove_unused(self) -> None:
        """Remove the tensors that the program does not read."""
        program = self._program
        specs = program.graph_signature.input_specs
        placeholders = program.graph.find_nodes(op="placeholder")
        kept: list[InputSpec] = []
        for node, spec in zip(placeholders, tuple(specs), strict=True):
            if node.users or node not in self._values:
                kept.append(spec)
                continue
            holder = program.state_dict if spec.kind in _STATE else program.constants
            holder.pop(str(spec.target), None)
            del self._values[node], self._names[node]
            program.graph.erase_node(node)
        specs[:] = kept
