"""From a torch module to an ONNX file with a dynamic batch and without paths of this machine.

Imports torch and onnx; runs inside an export worker only.
"""

from pathlib import Path

import onnx_ir
import onnxscript.optimizer
import onnxscript.rewriter
import torch
from onnx_ir.passes import Sequential, common
from torch import nn

from simx.exporter.network.lowering import lower
from simx.exporter.store.manifest import BATCH_NAME, INPUT_NAME, OUTPUT_NAME, SINGLE_FILE_LIMIT

EXPORTED_BATCH = 101
"""The batch that the graph is traced with; verification uses others, to show that it is not frozen.

It divides no size of any tensor in torchvision's networks, so a multiple of it in a graph is always
the batch.
"""


def export_graph(body: nn.Module, crop: int, path: Path) -> None:
    """Export a headless backbone.

    Args:
        body: image float32 [N, 3, crop, crop] -> embedding float32 [N, D], in eval mode.
        crop: height and width of the input in pixels.
        path: where the model goes; its weights lie inside, or beside it if they are too large.

    Raises:
        Exception: what torch's exporter raises.
    """
    body.requires_grad_(requires_grad=False)
    example = torch.empty(EXPORTED_BATCH, 3, crop, crop)  # 325 MB at 518 pixels, if it were touched
    try:
        program = _translate(lower(_trace(body, example)))
    except torch.onnx.OnnxExporterError:
        # This version of torch cannot translate what was lowered: use torch's own way.
        program = _translate(_trace(body, example))
    simplify(program.model)
    _strip_metadata(program.model)
    size = sum(tensor.nbytes for tensor in (*body.parameters(), *body.buffers()))
    program.save(path, external_data=size > SINGLE_FILE_LIMIT)


def _trace(body: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim(BATCH_NAME, min=1)
    return torch.export.export(body, (example,), dynamic_shapes=({0: batch},))


def _translate(traced: torch.export.ExportedProgram) -> torch.onnx.ONNXProgram:
    program = torch.onnx.export(
        traced,
        (),
        dynamo=True,
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        # The traced program has lost the dimension's name; torch puts it back into the graph.
        dynamic_shapes=({0: BATCH_NAME},),
        verbose=False,
        optimize=False,
    )
    if program is None:
        raise RuntimeError("torch's exporter returned no model")
    return program


def simplify(model: onnx_ir.Model) -> None:
    """Fold constants, rewrite patterns and remove what is left over, in place.

    The passes are those of onnxscript's own optimizer, which torch's exporter would run. That one
    searches for patterns twice, and first in the graph as it was translated, which takes a third of
    an export's time for attention networks. Here it happens once, when folding has left a third of
    the nodes.
    """
    common.InlinePass()(model)
    onnxscript.optimizer.fold_constants(model)
    _clean(model)
    onnxscript.rewriter.rewrite(model)
    _clean(model)
    Sequential(common.OutputFixPass(), common.NameFixPass())(model)


def _clean(model: onnx_ir.Model) -> None:
    Sequential(
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
    )(model)


def _strip_metadata(model: onnx_ir.Model) -> None:
    """Remove stack traces and scopes: they hold paths of the machine and change from run to run."""
    common.ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    model.doc_string = None
    for graph in (model.graph, *(function.graph for function in model.functions.values())):
        values = (value for node in graph.all_nodes() for value in node.outputs)
        for value in (*graph.inputs, *graph.initializers.values(), *values):
            value.metadata_props.clear()
