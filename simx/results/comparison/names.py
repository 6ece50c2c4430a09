"""The names of what may differ between two cells. Imports nothing heavy: ``--help`` lists them."""

from typing import Literal, get_args

IdentityDifference = Literal[
    "weights",
    "embedding",
    "provider",
    "precision",
    "batch",
    "threads",
    "instances",
    "scenario",
    "rate",
    "latency_bound",
    "shared_session",
    "kind",
]
ExecutionDifference = Literal["graph", "settings", "placement"]
MachineDifference = Literal["cpu", "cores", "governor", "gpu"]
LibraryDifference = Literal["torch", "onnxruntime", "openvino", "executorch"]

CellDifference = Literal[IdentityDifference, ExecutionDifference]
DifferenceName = Literal[CellDifference, MachineDifference, LibraryDifference, "pictures"]
"""What keeps two cells from being compared, unless it is let pass."""

DIFFERENCE_NAMES: tuple[DifferenceName, ...] = get_args(DifferenceName)
