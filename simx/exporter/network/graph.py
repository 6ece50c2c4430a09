"""From a torch module to an ONNX file with a dynamic batch and without paths of this machine.

Imports torch and onnx; runs inside an export worker only.
"""

import ast
import copy
from collections import Counter
from pathlib import Path

import onnx_ir
import onnxscript.optimizer
import onnxscript.rewriter
import torch
from onnx_ir.passes import Sequential, common
from torch import nn

from simx.exporter.network.lowering import HeldTensors, lower
from simx.exporter.store.manifest import (
    BATCH_NAME,
    DATA_FILE,
    INPUT_NAME,
    OUTPUT_NAME,
    SINGLE_FILE_LIMIT,
)

EXPORTED_BATCH = 101
"""The batch that the graph is traced with; verification uses others, to show that it is not frozen.

It divides no size of any tensor in torchvision's networks, so a multiple of it in a graph is always
the batch.
"""

_NAMES = "_name_authority"
"""What names new nodes of a graph; a copy of the graph does not get it."""

_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter keeps the modules that a node comes from."""


class TracedNetwork:
    """A headless network as a graph without weights, which any weights can be put into."""

    def __init__(self, body: nn.Module, crop: int) -> None:
        self._structure = _structure(body, crop)
        self._held: HeldTensors | None = None
        example = torch.empty(EXPORTED_BATCH, 3, crop, crop)  # 325 MB at 518 pixels, if touched
        try:
            traced = _trace(body, example)
            held = lower(traced)
            self._model = _translate(traced)
        except torch.onnx.OnnxExporterError:
            # This version of torch cannot translate what was lowered: use torch's own way.
            self._model = _translate(_trace(body, example))
            return
        can_copy = hasattr(self._model, "clone") and hasattr(self._model.graph, _NAMES)
        if can_copy and set(held.names.values()) == set(self._model.graph.initializers):
            self._held = held
            _empty(self._model)
            traced.state_dict.clear()
            traced.constants.clear()

    def fits(self, body: nn.Module, crop: int) -> bool:
        """Whether a network differs from the traced one in its weights alone."""
        return self._held is not None and _structure(body, crop) == self._structure

    def filled(self, body: nn.Module) -> onnx_ir.Model:
        """Return the graph with the weights of a network that fits."""
        if self._held is None:
            return self._model
        model = self._model.clone()
        # The copy goes on with the numbers in its names, so that it is no other file.
        setattr(model.graph, _NAMES, copy.deepcopy(getattr(self._model.graph, _NAMES)))
        for name, tensor in self._held.made_of(body.state_dict()).items():
            model.graph.initializers[name].const_value = onnx_ir.tensor(tensor, name=name)
        return model


def export_graph(
    body: nn.Module, crop: int, path: Path, earlier: TracedNetwork | None = None
) -> TracedNetwork:
    """Export a headless backbone.

    Args:
        body: image float32 [N, 3, crop, crop] -> embedding float32 [N, D], in eval mode.
        crop: height and width of the input in pixels.
        path: where the model goes; its weights lie inside, or beside it if they are too large.
        earlier: what another export has returned; it saves the trace, if this network fits.

    Returns:
        The trace, for other weights of the same network.

    Raises:
        Exception: what torch's exporter raises.
    """
    body.requires_grad_(requires_grad=False)
    if earlier is None or not earlier.fits(body, crop):
        earlier = TracedNetwork(body, crop)
    model = earlier.filled(body)
    simplify(model)
    name_nodes(model)
    _strip_metadata(model)
    size = sum(tensor.nbytes for tensor in (*body.parameters(), *body.buffers()))
    beside = DATA_FILE if size > SINGLE_FILE_LIMIT else None
    onnx_ir.save(model, path, external_data=beside)
    _empty(model)
    return earlier


def _empty(model: onnx_ir.Model) -> None:
    """Let go of the weights, which the graph's cycles would hold until garbage is collected."""
    for each in model.graph.initializers.values():
        each.const_value = None


def _structure(body: nn.Module, crop: int) -> object:
    """Return what a trace depends on: modules, forms of weights, values that are no weights."""
    state = body.state_dict()
    forms = [(name, each.shape, each.dtype) for name, each in state.items()]
    tables = [(name, each) for name, each in body.named_buffers() if name not in state]
    return crop, repr(body), forms, [(name, each.numpy().tobytes()) for name, each in tables]


def _trace(body: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim(BATCH_NAME, min=1)
    return torch.export.export(body, (example,), dynamic_shapes=({0: batch},))


def _translate(traced: torch.export.ExportedProgram) -> onnx_ir.Model:
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
    return program.model


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


def name_nodes(model: onnx_ir.Model) -> None:
    """Name each node by the module that it computes, such as ``layer1.0.conv1/Conv``.

    A profile then shows the modules. What the network's own function computes has the operator
    alone for its name. Names are unique.
    """
    used: Counter[str] = Counter()
    for node in model.graph.all_nodes():
        # From the outermost module, whose name is empty, to the traced operator.
        scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
        module = scopes[-2] if len(scopes) > 1 else ""
        name = f"{module}/{node.op_type}".removeprefix("/")
        used[name] += 1
        node.name = name if used[name] == 1 else f"{name}_{used[name]}"


def _strip_metadata(model: onnx_ir.Model) -> None:
    """Remove stack traces and scopes: they hold paths of the machine and change from run to run."""
    common.ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    model.doc_string = None
    for graph in (model.graph, *(function.graph for function in model.functions.values())):
        values = (value for node in graph.all_nodes() for value in node.outputs)
        for value in (*graph.inputs, *graph.initializers.values(), *values):
            value.metadata_props.clear()
