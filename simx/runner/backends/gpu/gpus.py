"""The GPUs of this machine, as NVIDIA's management library describes them."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from simx.results.schema.environment import Gpu

_MODULE = "pynvml"
"""What the package nvidia-ml-py installs; simx's extra ``cuda`` asks for it."""


def describe_gpus(module: str = _MODULE) -> tuple[Gpu, ...]:
    """Return every GPU, or none where there is no library, no driver or no GPU.

    Args:
        module: The binding to use; replaced in tests.
    """
    if find_spec(module) is None:
        return ()
    nvml = import_module(module)
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return ()
    try:
        count = nvml.nvmlDeviceGetCount()
        return tuple(_describe(nvml, nvml.nvmlDeviceGetHandleByIndex(at)) for at in range(count))
    except nvml.NVMLError:
        return ()
    finally:
        nvml.nvmlShutdown()


def _describe(nvml: Any, handle: Any) -> Gpu:  # noqa: ANN401 - the binding has no types
    return Gpu(
        name=_text(nvml.nvmlDeviceGetName(handle)),
        driver=_text(nvml.nvmlSystemGetDriverVersion()),
        memory_bytes=nvml.nvmlDeviceGetMemoryInfo(handle).total,
        core_clock_mhz=_highest(nvml, handle, nvml.NVML_CLOCK_SM),
        memory_clock_mhz=_highest(nvml, handle, nvml.NVML_CLOCK_MEM),
    )


def _highest(nvml: Any, handle: Any, clock: Any) -> int | None:  # noqa: ANN401 - likewise
    try:
        return int(nvml.nvmlDeviceGetMaxClockInfo(handle, clock))
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    """Return a name; bindings before 11.5 give bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
