"""All passes, and the proof that nothing is left for torch's own decomposition to do."""

from collections.abc import Mapping
from typing import Any

from torch.export import ExportedProgram

from simx.exporter.network.lowering.folding import fold_constants
from simx.exporter.network.lowering.functional import make_functional
from simx.exporter.network.lowering.fusion import fuse_batch_norms
from simx.exporter.network.lowering.tensors import HeldTensors


def lower(program: ExportedProgram) -> ExportedProgram:
    """Make a traced program ready for translation, in place.

    Where a pass leaves something that torch's exporter would decompose, it still does.

    Returns:
        The program that was given.
    """
    held = HeldTensors(program)
    fold_constants(program, held)
    fuse_batch_norms(program, held)
    make_functional(program)
    held.remove_unused()
    program.graph.lint()
    program.graph_module.recompile()
    decompose = program.run_decompositions

    def only_if_needed(table: Mapping[Any, Any] | None = None, **options: Any) -> ExportedProgram:  # noqa: ANN401 - torch's own
        is_needed = table is None or needs_decomposition(program, table)
        return decompose(table, **options) if is_needed else program

    program.run_decompositions = only_if_needed
    return program


def needs_decomposition(program: ExportedProgram, table: Mapping[Any, Any]) -> bool:
    """Whether a program holds an operator of a decomposition table, or one that writes in place."""
    return any(
        node.op == "call_function" and (node.target in table or _writes_in_place(node.target))
        for node in program.graph.nodes
    )


def _writes_in_place(target: object) -> bool:
    schema = getattr(target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)
