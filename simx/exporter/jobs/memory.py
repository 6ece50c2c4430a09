"""How much memory an export needs, and how much there is for exports."""

import psutil

from simx.common.cgroups import memory_left
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

_BASE_BYTES = 900 * 2**20
"""What a worker needs before the first parameter: the libraries, and tracing a small network."""

_COPIES = 4.5
"""Copies of the parameters at the peak, of the state, the module, the graph, its file in memory and
the two of an ONNX Runtime session while it loads: three to four; see ``benchmarks/RESULTS.md``."""

_BYTES_PER_PIXEL = 6000
"""Of one input, for the activations of the pictures that are run together in verification."""

_USUAL_BYTES = 2 * 2**30
"""What four of five networks stay below."""

_MARGIN = 1.1
"""A later export of the same network may need a little more than the one that was seen."""

_SHARE = 0.85
"""Of the memory that is there; the rest is for what else is going on."""


def needed_bytes(backbone: Backbone, store: Store, precision: Precision = "fp32") -> int:
    """Return what an export of a backbone needs at its peak: as seen before, or estimated."""
    seen = store.peak_bytes(backbone, precision)
    if seen is not None:
        return round(_MARGIN * seen)
    parameters = 4 * backbone.params
    return _BASE_BYTES + round(_COPIES * parameters) + _BYTES_PER_PIXEL * backbone.preset.crop**2


def default_jobs(cores: int) -> int:
    """Return how many exports run side by side: one a core, with a usual one's memory for each."""
    return max(1, min(cores, memory_for_exports() // _USUAL_BYTES))


def memory_for_exports() -> int:
    """Return the bytes that exports may use together: of the machine's, or of the container's."""
    available, left = psutil.virtual_memory().available, memory_left()
    return round(_SHARE * (available if left is None else min(available, left)))
