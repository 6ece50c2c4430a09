"""What torch traced, made ready for translation to ONNX without torch tracing it a second time.

``torch.onnx.export`` has every program decomposed, which traces it again and takes half of an
export. An exported backbone needs little of that: what depends on no input is computed once and for
all, batch norms go into the convolutions before them, and the few operators that ONNX has no
counterpart for are written with others. Imports torch; runs inside an export worker only.
"""

from simx.exporter.network.lowering.passes import lower

__all__ = ["lower"]
