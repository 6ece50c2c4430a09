"""How much memory an export needs, and how much is there for exports."""

import psutil

from simx.common.cgroups import memory_left
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

_BASE_BYTES = 900 * 2**20
"""What a worker needs before the first parameter: the libraries, and tracing a small network."""

_COPIES = 4.5
"""Copies of the parameters at the peak: the state, the module, the graph, its file in memory, and
two in an ONNX Runtime session that loads. ``benchmarks/RESULTS.md`` saw three to four."""

_BYTES_PER_PIXEL = 6000
"""Of one input, for the activations of the pictures that are run together in verification."""

_USUAL_BYTES = 2 * 2**30
"""Four of five networks need less."""

_MARGIN = 1.1
"""A later export of the same network may need a little more than the earlier one did."""

_SHARE = 0.85
"""Of the available memory; the rest is for other programs."""


def needed_bytes(backbone: Backbone, store: Store, precision: Precision = "fp32") -> int:
    """Return what an export needs at its peak: from an earlier export, or estimated."""
    seen = store.peak_bytes(backbone, precision)
    if seen is not None:
        return round(_MARGIN * seen)
    parameters = 4 * backbone.params
    return _BASE_BYTES + round(_COPIES * parameters) + _BYTES_PER_PIXEL * backbone.preset.crop**2


def default_jobs(cores: int) -> int:
    """Return how many exports run side by side: one per core, if each has the usual memory."""
    return max(1, min(cores, memory_for_exports() // _USUAL_BYTES))


def memory_for_exports() -> int:
    """Return the bytes that exports may use together: of the machine or the container."""
    available, left = psutil.virtual_memory().available, memory_left()
    return round(_SHARE * (available if left is None else min(available, left)))
