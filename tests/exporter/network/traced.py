"""Small networks through tracing and lowering."""

from collections import Counter

import torch
from torch import nn
from torch.export import ExportedProgram

from simx.exporter.network.lowering import lower

SIDE = 8
"""Height and width of the pictures that these tests use."""


def traced(body: nn.Module) -> ExportedProgram:
    """Trace a network from images [N, 3, SIDE, SIDE], as an export does."""
    body.eval().requires_grad_(requires_grad=False)
    batch = torch.export.Dim("batch", min=1)
    example = torch.zeros(3, 3, SIDE, SIDE)
    return torch.export.export(body, (example,), dynamic_shapes=({0: batch},))


def lowered(body: nn.Module) -> ExportedProgram:
    """Trace a network and make it ready for translation."""
    program = traced(body)
    lower(program)
    return program


def pictures(count: int = 2) -> torch.Tensor:
    """Return seeded pictures, [count, 3, SIDE, SIDE]."""
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7))


def operators(program: ExportedProgram) -> Counter[str]:
    """Count a program's operators by name."""
    nodes = program.graph.nodes
    return Counter(str(node.target) for node in nodes if node.op == "call_function")


def tensors(program: ExportedProgram) -> int:
    """Count the parameters, buffers and constants that a program holds."""
    return len(program.graph.find_nodes(op="placeholder")) - 1
