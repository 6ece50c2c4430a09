"""Makes sessions of ONNX Runtime on one provider, without a silent fallback to another."""

from pathlib import Path

import msgspec
import onnxruntime

from simx.runner.backends.contract import BackendError
from simx.runner.backends.ort.cuda_libraries import preload
from simx.runner.backends.ort.log import cause_of
from simx.runner.backends.ort.plugin_devices import DEVICE_TYPE, chosen_device, registered
from simx.runner.backends.ort.plugins import Plugin, installed_plugins, plugin_for
from simx.runner.backends.ort.settings import SessionSettings

_LOG_ERRORS = 3


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to make a session.

    ``profile`` is the prefix of the path of its profile; empty for none.
    """

    path: Path
    provider: str
    threads: int
    settings: SessionSettings
    profile: str = ""


def open_session(plan: SessionPlan) -> onnxruntime.InferenceSession:
    """Make a session on one provider alone.

    A provider of the build takes precedence over a plug-in's of the same name.

    Raises:
        BackendError: The provider is missing, or cannot make a session of this graph.
    """
    preload(plan.provider)
    if plan.provider in onnxruntime.get_available_providers():
        session = _built_in(plan)
    else:
        session = _plugged_in(plan, _plugin(plan.provider))
    # Otherwise a failing call would be repeated on the CPU, with a line on stdout.
    session.disable_fallback()
    return session


def source_of(provider: str) -> str:
    """Return the source of a provider: ``built in``, or its plug-in with its version."""
    if provider in onnxruntime.get_available_providers():
        return "built in"
    return _plugin(provider).name


def _built_in(plan: SessionPlan) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(
            plan.path,
            _options(plan),
            providers=[(plan.provider, plan.settings.provider)],
            # Otherwise an error is only printed, and a session on the CPU is made instead.
            enable_fallback=0,
        )
    # The errors of ONNX Runtime have no common base class below Exception.
    except Exception as error:
        raise BackendError(f"no session on {plan.provider}: {cause_of(error)}") from error


def _plugged_in(plan: SessionPlan, plugin: Plugin) -> onnxruntime.InferenceSession:
    settings = dict(plan.settings.provider)
    device = chosen_device(plugin, plan.provider, settings.pop(DEVICE_TYPE, None))
    options = _options(plan)
    try:
        options.add_provider_for_devices([device], settings)
        return onnxruntime.InferenceSession(plan.path, options, enable_fallback=0)
    except Exception as error:
        raise BackendError(
            f"no session on {plan.provider} of {plugin.name}: {cause_of(error)}"
        ) from error


def _plugin(provider: str) -> Plugin:
    found = plugin_for(provider) or registered(provider)
    if found is None:
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} was built without {provider}, and no plug-in "
            f"has it; available are {', '.join(known_providers())}"
        )
    return found


def known_providers() -> tuple[str, ...]:
    """Return the providers of this build and of plug-ins; whether they work is not tested."""
    plugged_in = (name for each in installed_plugins() for name in each.providers)
    return tuple(dict.fromkeys((*onnxruntime.get_available_providers(), *plugged_in)))


def _options(plan: SessionPlan) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = plan.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = plan.settings.arena
    options.enable_mem_pattern = plan.settings.arena
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _LOG_ERRORS
    for name, value in plan.settings.session.items():
        options.add_session_config_entry(name, value)
    if plan.profile:
        options.enable_profiling = True
        options.profile_file_prefix = plan.profile
    return options
