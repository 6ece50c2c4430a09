"""Is a graph what an export has to be? Asked of its description alone, without running it.

Every file here knows one rule and says in one line which node or tensor breaks it. Pure: imports
onnx, never a runtime. What was derived from an export can be asked in the same way.
"""

from simx.exporter.verification.inspection.complaints import complaints
from simx.exporter.verification.inspection.expectation import Expectation
from simx.exporter.verification.inspection.weights import weights_of

__all__ = ["Expectation", "complaints", "weights_of"]
