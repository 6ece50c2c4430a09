"""The names of what may differ between two cells. Imports nothing heavy: ``--help`` lists them."""

from typing import Literal, get_args

DifferenceName = Literal[
    "weights",
    "embedding",
    "provider",
    "precision",
    "batch",
    "threads",
    "graph",
    "settings",
    "placement",
    "cpu",
    "cores",
    "governor",
    "gpu",
    "torch",
    "onnxruntime",
    "pictures",
]
"""What may differ between two cells and keep them from being compared, unless it is let pass."""

DIFFERENCE_NAMES: tuple[DifferenceName, ...] = get_args(DifferenceName)
