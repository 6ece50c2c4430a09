"""Is a graph what an export has to be? Decided from its description alone, without running it.

Each breach is one line that names the node or tensor. Imports onnx, never a runtime.
"""

from simx.exporter.verification.inspection.complaints import Expectation, complaints

__all__ = ["Expectation", "complaints"]
