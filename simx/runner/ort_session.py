"""Makes ONNX Runtime's sessions: on one provider, with no way back to another that goes unseen."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import onnxruntime

from simx.runner.backend import BackendError

_LOG_ERRORS = 3


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to make a session.

    ``settings`` are the provider's options, ``entries`` those of the session; ``profile`` is the
    beginning of the path that its profile is written to, empty where it has none.
    """

    path: Path
    provider: str
    settings: Mapping[str, str]
    threads: int
    entries: Mapping[str, str]
    profile: str = ""


def open_session(plan: SessionPlan) -> onnxruntime.InferenceSession:
    """Make a session on a provider, and on no other.

    Raises:
        BackendError: The provider is not there, or makes no session of this graph.
    """
    available = onnxruntime.get_available_providers()
    if plan.provider not in available:
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} was built without {plan.provider}; "
            f"it offers {', '.join(available)}"
        )
    try:
        session = onnxruntime.InferenceSession(
            plan.path, _options(plan), providers=[(plan.provider, dict(plan.settings))]
        )
    # ONNX Runtime raises classes of its own that share no base below Exception.
    except Exception as error:
        raise BackendError(
            f"no session on {plan.provider}: {str(error).splitlines()[0]}"
        ) from error
    # Without this a failing call would be repeated on the CPU, with a line on stdout.
    session.disable_fallback()
    return session


def _options(plan: SessionPlan) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = plan.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = True
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _LOG_ERRORS
    for name, value in plan.entries.items():
        options.add_session_config_entry(name, value)
    if plan.profile:
        options.enable_profiling = True
        options.profile_file_prefix = plan.profile
    return options
