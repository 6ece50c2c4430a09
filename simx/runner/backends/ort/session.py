"""Makes sessions of ONNX Runtime on one provider, without a silent fallback to another.

A provider comes from the build, or from a plug-in whose library is loaded here. A session's record
and a profile show where its nodes run.
"""

from operator import attrgetter
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime

from simx.common.temporary import filled, temporary_folder
from simx.exporter.store.manifest import BATCH_NAME
from simx.results.schema.kernels import Kernels
from simx.runner.backends.contract import Array, BackendError
from simx.runner.backends.ort.cuda_libraries import preload
from simx.runner.backends.ort.log import cause_of, too_new
from simx.runner.backends.ort.placement import Node, nodes_in
from simx.runner.backends.ort.plugins import Plugin, installed_plugins, plugin_for
from simx.runner.backends.ort.settings import SessionSettings, with_weights_beside

_DEVICE_TYPE = "device_type"
"""The option that selects a device of a plug-in, as for the built-in OpenVINO."""

_LOG_ERRORS = 3

BUILT_IN = tuple(onnxruntime.get_available_providers())
"""The providers of the build. ONNX Runtime lists plug-ins there too, once they are registered, but
a session that names one like a built-in provider runs on the CPU."""


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to make a session; ``profile`` is the prefix of its profile's path, empty for none.

    A ``batch`` fixes the graph's free batch; None leaves it free. The session writes the graph that
    it makes to ``optimised``, unless that is None.
    """

    path: Path
    provider: str
    settings: SessionSettings
    batch: int | None = None
    profile: str = ""
    optimised: Path | None = None


def open_session(plan: SessionPlan) -> onnxruntime.InferenceSession:
    """Make a session on one provider alone, the build's or else a plug-in's.

    Raises:
        BackendError: The provider is missing, or cannot make a session of this graph.
    """
    preload(plan.provider)
    provider = place = plan.provider
    settings = dict(plan.settings.provider)
    try:
        options = _options(plan)
        # With a fallback, an error would only be printed, and a session made on the CPU.
        if provider in BUILT_IN:
            session = onnxruntime.InferenceSession(
                plan.path, options, providers=[(provider, settings)], enable_fallback=0
            )
        else:
            plugin = _plugin(provider)
            place = f"{provider} of {plugin.name}"
            device = chosen_device(plugin, provider, settings.pop(_DEVICE_TYPE, None))
            options.add_provider_for_devices([device], settings)
            session = onnxruntime.InferenceSession(plan.path, options, enable_fallback=0)
    except BackendError:
        raise
    # The errors of ONNX Runtime have no common base class below Exception.
    except Exception as error:
        cause = too_new(error, f"onnxruntime {onnxruntime.__version__}") or cause_of(error)
        raise BackendError(f"no session on {place}: {cause}") from error
    first = session.get_inputs()[0]
    if plan.batch not in {None, first.shape[0]}:
        raise BackendError(
            f"the batch of its input {first.name} is named {first.shape[0]}, so that it cannot be "
            f"fixed; export it with a batch named {BATCH_NAME}"
        )
    # Otherwise a failing call would be repeated on the CPU, with a line on stdout.
    session.disable_fallback()
    return session


def recorded_nodes(session: onnxruntime.InferenceSession) -> tuple[Node, ...]:
    """Return the nodes of a session's assignment record; none if it has no record.

    Providers that were compiled for another version may leave the record empty.
    """
    try:
        subgraphs = session.get_provider_graph_assignment_info()
    # After any error, the profile is the only source.
    except Exception:  # noqa: BLE001
        return ()
    return tuple(
        Node(subgraph.ep_name, node.op_type)
        for subgraph in subgraphs
        for node in subgraph.get_nodes()
    )


def profiled_nodes(plan: SessionPlan) -> tuple[Node, ...]:
    """Run a graph once, on inputs of zeros and a batch of one, in a session that is never timed."""
    with temporary_folder() as folder:
        session = open_session(
            msgspec.structs.replace(
                plan, profile=f"{folder}/profile", settings=plan.settings.without_capturing()
            )
        )
        # The batch size is open: a name instead of a number.
        feeds = {
            value.name: np.zeros(
                [size if isinstance(size, int) else 1 for size in value.shape], dtype=np.float32
            )
            for value in session.get_inputs()
        }
        session.run(None, feeds)
        return nodes_in(Path(session.end_profiling()).read_bytes())


def optimised_offline(plan: SessionPlan, folder: Path) -> SessionPlan:
    """Return how to make a session of the graph in a folder, which the first call optimises."""
    if not folder.exists():
        online = msgspec.structs.replace(plan.settings, offline=False)
        with filled(folder) as made:
            optimised = made / plan.path.name
            open_session(msgspec.structs.replace(plan, settings=online, optimised=optimised))
    return msgspec.structs.replace(plan, path=folder / plan.path.name)


def profiled_calls(plan: SessionPlan, image: Array, calls: int, stored: Path) -> Kernels:
    """Profile calls with an input, float32 [N, 3, H, W], in a session of their own.

    The kernels are traced back to the nodes of the ``stored`` graph.
    """
    with temporary_folder() as folder:
        optimised = Path(folder, "optimised.onnx")
        session = open_session(
            msgspec.structs.replace(plan, profile=f"{folder}/profile", optimised=optimised)
        )
        feeds = {session.get_inputs()[0].name: image}
        for _ in range(calls):
            session.run(None, feeds)
        events = Path(session.end_profiling()).read_bytes()
        try:
            # An environment for measurements alone need not have onnx.
            from simx.runner.backends.ort.profiling import profile_of  # noqa: PLC0415
        except ImportError as error:
            raise BackendError(f"its profile cannot be read ({error}); pip install onnx") from error
        return profile_of(events, stored, optimised)


def source_of(provider: str) -> str:
    """Return the source of a provider: ``built in``, or its plug-in with its version."""
    if provider in BUILT_IN:
        return "built in"
    return _plugin(provider).name


def known_providers() -> tuple[str, ...]:
    """Return the providers of this build and of plug-ins; whether they work is not tested."""
    plugged_in = (name for each in installed_plugins() for name in each.providers)
    return tuple(dict.fromkeys((*BUILT_IN, *plugged_in)))


def devices(plugin: Plugin, provider: str) -> "list[onnxruntime.OrtEpDevice]":
    """Load a plug-in's library, and return its devices for a provider, without virtual ones.

    Raises:
        BackendError: Its library cannot be loaded.
    """
    found = _listed(provider)
    if found:
        return found
    try:
        # Under the provider's own name, because some libraries name their provider by it.
        onnxruntime.register_execution_provider_library(provider, plugin.library_path)
    except Exception as error:
        # ONNX Runtime has its own error classes, and refuses to register a library twice.
        if "already registered" not in str(error):
            raise BackendError(
                f"{plugin.name} cannot be loaded by onnxruntime {onnxruntime.__version__}: "
                f"{cause_of(error)}"
            ) from error
    return _listed(provider)


def chosen_device(plugin: Plugin, provider: str, wanted: str | None) -> "onnxruntime.OrtEpDevice":
    """Return the first device of a plug-in's provider, or its first one of the ``wanted`` type.

    Raises:
        BackendError: There is no such device, or the library cannot be loaded.
    """
    there = devices(plugin, provider)
    if not there:
        raise BackendError(f"{plugin.name} finds no device for {provider} on this machine")
    types = [each.device.type.name for each in there]
    if wanted is None:
        return there[0]
    if wanted.upper() not in types:
        known = ", ".join(dict.fromkeys(types))
        raise BackendError(f"{plugin.name} has no device of the type {wanted} here, but {known}")
    return there[types.index(wanted.upper())]


def _listed(provider: str) -> "list[onnxruntime.OrtEpDevice]":
    """Return the devices of a provider; virtual ones only compile and never run."""
    return [
        each
        for each in onnxruntime.get_ep_devices()
        if each.ep_name == provider and each.device.metadata.get("is_virtual") != "1"
    ]


def _plugin(provider: str) -> Plugin:
    found = plugin_for(provider)
    if found is not None:
        return found
    if not _listed(provider):
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} was built without {provider}, and no plug-in "
            f"has it; available are {', '.join(known_providers())}"
        )
    # The build itself has registered the provider as a plug-in.
    return Plugin(
        distribution=onnxruntime.package_name,
        version=onnxruntime.__version__,
        providers=(provider,),
        library_path="",
    )


def _options(plan: SessionPlan) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    for name, value in plan.settings.attributes.items():
        constant = attrgetter(value)(onnxruntime) if isinstance(value, str) else value
        setattr(options, name, constant)
    options.log_severity_level = _LOG_ERRORS
    if plan.batch is not None:
        options.add_free_dimension_override_by_name(BATCH_NAME, plan.batch)
    for name, value in plan.settings.session.items():
        options.add_session_config_entry(name, value)
    if plan.profile:
        options.enable_profiling = True
        options.profile_file_prefix = plan.profile
    if plan.optimised is not None:
        options.optimized_model_filepath = str(plan.optimised)
        for name, value in with_weights_beside(plan.optimised.name).items():
            options.add_session_config_entry(name, value)
    return options
