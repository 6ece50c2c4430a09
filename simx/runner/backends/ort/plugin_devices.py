"""Loads providers' libraries into ONNX Runtime, and finds the devices that they have here."""

import onnxruntime

from simx.runner.backends.contract import BackendError
from simx.runner.backends.ort.log import cause_of
from simx.runner.backends.ort.plugins import Plugin

DEVICE_TYPE = "device_type"
"""The option that chooses among the devices of a plug-in, as it does for the built-in OpenVINO."""


def devices(plugin: Plugin, provider: str) -> list[onnxruntime.OrtEpDevice]:
    """Return the devices that a plug-in has for a provider, having loaded its library.

    Virtual ones, which only compile and never run, are none.

    Raises:
        BackendError: Its library cannot be loaded.
    """
    found = _listed(provider)
    if found:
        return found
    try:
        # Under the provider's own name: there are libraries that call their provider by this.
        onnxruntime.register_execution_provider_library(provider, plugin.library_path)
    except Exception as error:
        # ONNX Runtime raises classes of its own, and refuses to register a library twice.
        if "already registered" not in str(error):
            raise BackendError(
                f"{plugin.name} cannot be loaded by onnxruntime {onnxruntime.__version__}: "
                f"{cause_of(error)}"
            ) from error
    return _listed(provider)


def registered(provider: str) -> Plugin | None:
    """Return what stands for a provider that the build itself registers as a plug-in, or None."""
    if not _listed(provider):
        return None
    return Plugin(
        distribution=onnxruntime.package_name,
        version=onnxruntime.__version__,
        providers=(provider,),
        library_path="",
    )


def chosen_device(plugin: Plugin, provider: str, wanted: str | None) -> onnxruntime.OrtEpDevice:
    """Return the first device of a provider, or the first one of the type that is wanted.

    Args:
        plugin: What brings the provider.
        provider: By ONNX Runtime's name.
        wanted: ``CPU``, ``GPU`` or ``NPU``, in any case.

    Raises:
        BackendError: There is none, or the library cannot be loaded.
    """
    there = devices(plugin, provider)
    if not there:
        raise BackendError(f"{plugin.name} finds no device for {provider} on this machine")
    fitting = [each for each in there if wanted is None or device_type(each) == wanted.upper()]
    if not fitting:
        types = ", ".join(dict.fromkeys(map(device_type, there)))
        raise BackendError(f"{plugin.name} has no device of the type {wanted} here, but {types}")
    return fitting[0]


def device_type(device: onnxruntime.OrtEpDevice) -> str:
    """Return for example ``CPU``."""
    name: str = device.device.type.name
    return name


def device_name(device: onnxruntime.OrtEpDevice) -> str:
    """Return for example ``CPU of GenuineIntel``."""
    return f"{device_type(device)} of {device.device.vendor or 'a vendor that is not told'}"


def _listed(provider: str) -> list[onnxruntime.OrtEpDevice]:
    return [
        each
        for each in onnxruntime.get_ep_devices()
        if each.ep_name == provider and each.device.metadata.get("is_virtual") != "1"
    ]
