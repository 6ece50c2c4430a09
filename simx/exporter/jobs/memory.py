"""How much memory an export needs, and how much there is for exports."""

from pathlib import Path

import psutil

from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

_CGROUP = Path("/sys/fs/cgroup")

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


def memory_for_exports(cgroup: Path = _CGROUP) -> int:
    """Return the bytes that exports may use together: of what the machine, or its container, has.

    Args:
        cgroup: root of the control group file system, version 2 or 1.
    """
    left = psutil.virtual_memory().available
    for limit, used, statistics in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        bound, taken = _number(cgroup / limit), _number(cgroup / used)
        if bound is not None and taken is not None:
            left = min(left, max(0, bound - taken + _reclaimable(cgroup / statistics)))
    return round(_SHARE * left)


def _reclaimable(statistics: Path) -> int:
    """Return the bytes of files in memory that the kernel gives up before anything fails."""
    try:
        fields = dict(line.split() for line in statistics.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(fields.get("inactive_file", 0))


def _number(path: Path) -> int | None:
    """Return a control file's number; None where it has none (``max``) or is not there."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
