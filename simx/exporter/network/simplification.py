"""Simplifies a translated graph: folds constants, rewrites patterns, removes what is left over.

The passes are those of onnxscript's own optimizer, which torch's exporter would run. That one looks
for patterns first in the graph as it was translated, and twice: a third of an export's time for
attention networks. Here they are looked for once, when folding has left a third of the nodes.
"""

import onnx_ir
import onnxscript.optimizer
import onnxscript.rewriter
from onnx_ir.passes import Sequential, common


def simplify(model: onnx_ir.Model) -> None:
    """Simplify a model in place; what it computes stays the same."""
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
