"""Loads providers' libraries into ONNX Runtime, and lists their devices on this machine."""

import onnxruntime

from simx.runner.backends.contract import BackendError
from simx.runner.backends.ort.log import cause_of
from simx.runner.backends.ort.plugins import Plugin

DEVICE_TYPE = "device_type"
"""The option that selects a device of a plug-in, as for the built-in OpenVINO."""


def devices(plugin: Plugin, provider: str) -> list[onnxruntime.OrtEpDevice]:
    """Load a plug-in's library, and return its devices for a provider.

    Virtual devices, which only compile and never run, are left out.

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


def registered(provider: str) -> Plugin | None:
    """Return a plug-in for a provider that the build itself registers as one, or None."""
    if not _listed(provider):
        return None
    return Plugin(
        distribution=onnxruntime.package_name,
        version=onnxruntime.__version__,
        providers=(provider,),
        library_path="",
    )


def chosen_device(plugin: Plugin, provider: str, wanted: str | None) -> onnxruntime.OrtEpDevice:
    """Return the first device of a provider, or its first one of a type.

    Args:
        plugin: The provider's plug-in.
        provider: By ONNX Runtime's name.
        wanted: ``CPU``, ``GPU`` or ``NPU``, in any case.

    Raises:
        BackendError: There is no such device, or the library cannot be loaded.
    """
    there = devices(plugin, provider)
    if not there:
        raise BackendError(f"{plugin.name} finds no device for {provider} on this machine")
    matching = [each for each in there if wanted is None or device_type(each) == wanted.upper()]
    if not matching:
        types = ", ".join(dict.fromkeys(map(device_type, there)))
        raise BackendError(f"{plugin.name} has no device of the type {wanted} here, but {types}")
    return matching[0]


def device_type(device: onnxruntime.OrtEpDevice) -> str:
    """Return for example ``CPU``."""
    name: str = device.device.type.name
    return name


def device_name(device: onnxruntime.OrtEpDevice) -> str:
    """Return for example ``CPU of GenuineIntel``."""
    return f"{device_type(device)} of {device.device.vendor or 'an unknown vendor'}"


def _listed(provider: str) -> list[onnxruntime.OrtEpDevice]:
    return [
        each
        for each in onnxruntime.get_ep_devices()
        if each.ep_name == provider and each.device.metadata.get("is_virtual") != "1"
    ]
