"""Is a graph what an export has to be? Decided from its description alone, without running it.

Every file here knows one rule and says in one line which node or tensor breaks it. Pure: imports
onnx, never a runtime.
"""

from simx.exporter.verification.inspection.complaints import complaints
from simx.exporter.verification.inspection.expectation import Expectation

__all__ = ["Expectation", "complaints"]
