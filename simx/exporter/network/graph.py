"""From a torch module to an ONNX file: torch's current exporter, a dynamic batch, no machine paths.

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
from simx.exporter.store.manifest import INPUT_NAME, OUTPUT_NAME, SINGLE_FILE_LIMIT

EXPORTED_BATCH = 101
"""The batch the graph is traced with, for which nothing is computed.

Verification uses others, to show that it was not frozen. It divides no size of any tensor in any of
torchvision's networks, so wherever a multiple of it is left in a graph, it is the batch.
"""


def export_graph(body: nn.Module, crop: int, path: Path) -> None:
    """Export a headless backbone.

    Args:
        body: image float32 [N, 3, crop, crop] -> embedding float32 [N, D], in eval mode.
        crop: height and width of the input in pixels.
        path: where the model goes; its weights lie inside, or beside it where they are too large.

    Raises:
        Exception: what torch's exporter raises; the caller records it with its stage.
    """
    body.requires_grad_(requires_grad=False)
    example = torch.empty(EXPORTED_BATCH, 3, crop, crop)  # 325 MB at 518 pixels, if it were touched
    try:
        program = _translate(lower(_trace(body, example)))
    except torch.onnx.OnnxExporterError:
        # Something in it is not as this version of torch wants it: torch's own way, then.
        program = _translate(_trace(body, example))
    simplify(program.model)
    _strip_metadata(program.model)
    external = _parameter_bytes(body) > SINGLE_FILE_LIMIT
    program.save(path, external_data=external)


def _trace(body: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(body, (example,), dynamic_shapes=({0: batch},))


def _translate(traced: torch.export.ExportedProgram) -> torch.onnx.ONNXProgram:
    program = torch.onnx.export(
        traced,
        (),
        dynamo=True,
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        verbose=False,
        optimize=False,
    )
    if program is None:
        raise RuntimeError("torch's exporter returned no model")
    return program


def simplify(model: onnx_ir.Model) -> None:
    """Fold constants, rewrite patterns and remove what is left over, in place.

    The passes are those of onnxscript's own optimizer, which torch's exporter would run. That one
    looks for patterns first in the graph as it was translated, and twice: a third of an export's
    time for attention networks. Here they are looked for once, when folding has left a third of the
    nodes.
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


def _parameter_bytes(body: nn.Module) -> int:
    tensors = (*body.parameters(), *body.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _strip_metadata(model: onnx_ir.Model) -> None:
    """Remove stack traces and scopes: they hold paths of the machine and change from run to run."""
    graphs = (model.graph, *(function.graph for function in model.functions.values()))
    model.metadata_props.clear()
    model.doc_string = None
    for graph in graphs:
        graph.metadata_props.clear()
        graph.doc_string = None
        for value in (*graph.inputs, *graph.outputs, *graph.initializers.values()):
            value.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            node.doc_string = None
            for value in node.outputs:
                value.metadata_props.clear()
