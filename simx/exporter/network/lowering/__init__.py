"""Makes a traced program ready for translation to ONNX, so that torch need not trace it again.

``torch.onnx.export`` decomposes every program, which traces it again and takes half of an export.
A backbone needs little of that: constants are folded, batch norms go into the convolutions before
them, and the few operators without a counterpart in ONNX are replaced. Imports torch; runs inside
an export worker only.
"""

from simx.exporter.network.lowering.passes import lower

__all__ = ["lower"]
