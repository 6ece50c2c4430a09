"""The pinned settings of OpenVINO and of inductor, and what variants change. Imports no runtime.

Workers compile with them, and ``simx tune`` writes them into the code to paste.
"""

from collections.abc import Mapping, Sequence

OPENVINO_DEVICE = "CPU"

_OPENVINO: Mapping[str, str] = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": "1",
    # Otherwise it computes in bfloat16 on processors that have it.
    "INFERENCE_PRECISION_HINT": "f32",
    # As in the other backends: threads are not tied to cores, and denormals are kept.
    "ENABLE_CPU_PINNING": "NO",
    "CPU_DENORMALS_OPTIMIZATION": "NO",
}

_INDUCTOR: Mapping[str, Mapping[str, bool]] = {
    "compile": {},
    "freezing": {"freezing": True},
    "max-autotune": {"max_autotune": True},
}
"""The variants that compile, each with its options of inductor's."""


def openvino_settings(threads: int, variants: Sequence[str] = ()) -> dict[str, str]:
    """Return the properties that OpenVINO compiles a network with."""
    chosen = {**_OPENVINO, "INFERENCE_NUM_THREADS": str(threads)}
    if "throughput" in variants:
        # The number of streams is then OpenVINO's choice.
        del chosen["NUM_STREAMS"]
        chosen["PERFORMANCE_HINT"] = "THROUGHPUT"
    return chosen


def inductor_options(variants: Sequence[str]) -> dict[str, bool] | None:
    """Return the options that inductor compiles a network with; None if it does not."""
    found = [_INDUCTOR[each] for each in variants if each in _INDUCTOR]
    return {name: value for each in found for name, value in each.items()} if found else None
