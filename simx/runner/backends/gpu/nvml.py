"""NVIDIA's management library: the GPUs of this machine, and the one that a runtime uses.

Its binding (package nvidia-ml-py) may be missing or old, and a GPU may not support a query: then
the figure is None. Tests replace ``load``, ``module`` and ``bus_id``.
"""

import ctypes
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from simx.results.schema.environment import Gpu

MODULE = "pynvml"
"""The module of the package nvidia-ml-py, which simx's extra ``cuda`` installs."""


def pci_bus_id(ordinal: int, load: Callable[[str], Any] = ctypes.CDLL) -> str | None:
    """Return the bus id of a CUDA device, from CUDA's own driver; None without one.

    CUDA numbers devices by speed and among CUDA_VISIBLE_DEVICES (``ordinal``); the management
    library numbers all of them by their place on the bus. Must not be called before a fork.
    """
    try:
        driver = load("libcuda.so.1")
    except OSError:
        return None
    device, text = ctypes.c_int(), ctypes.create_string_buffer(32)
    steps: tuple[Callable[[], int], ...] = (
        lambda: driver.cuInit(0),
        lambda: driver.cuDeviceGet(ctypes.byref(device), ordinal),
        lambda: driver.cuDeviceGetPCIBusId(text, len(text), device),
    )
    return None if any(step() != 0 for step in steps) else text.value.decode()


class NvmlDevice:
    """One GPU; the library stays open until the process ends."""

    def __init__(self, nvml: Any, handle: Any) -> None:  # noqa: ANN401 - the binding has no types
        self.nvml = nvml
        self._handle = handle

    def query(self, *functions: str, of: int | None = None) -> Any:  # noqa: ANN401 - likewise
        """Return the result of the first of the binding's functions that is available.

        ``of`` is their further argument, such as the kind of clock.
        """
        further = () if of is None else (of,)
        for name in functions:
            function = getattr(self.nvml, name, None)
            if function is None:
                continue
            try:
                return function(self._handle, *further)
            except self.nvml.NVMLError:
                continue
        return None

    def processes(self) -> dict[int, int | None] | None:
        """Return the processes that compute on it, with the bytes of its memory that each uses."""
        found = self.query("nvmlDeviceGetComputeRunningProcesses")
        return None if found is None else {each.pid: each.usedGpuMemory for each in found}

    def used_bytes(self) -> int | None:
        """Return the bytes of its memory that all processes use."""
        memory = self.query("nvmlDeviceGetMemoryInfo")
        return None if memory is None else int(memory.used)


def open_device(
    ordinal: int | None, module: str = MODULE, bus_id: Callable[[int], str | None] = pci_bus_id
) -> NvmlDevice | None:
    """Return the GPU with CUDA's number ``ordinal``, or None where it is not available."""
    if ordinal is None or find_spec(module) is None:
        return None
    place = bus_id(ordinal)
    if place is None:
        return None
    nvml = import_module(module)
    try:
        nvml.nvmlInit()
        return NvmlDevice(nvml, nvml.nvmlDeviceGetHandleByPciBusId(place))
    except nvml.NVMLError:
        return None


def describe_gpus(module: str = MODULE) -> tuple[Gpu, ...]:
    """Return every GPU, or none where there is no library, no driver or no GPU."""
    if find_spec(module) is None:
        return ()
    nvml = import_module(module)
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return ()
    try:
        handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        return tuple(_describe(NvmlDevice(nvml, handle)) for handle in handles)
    except nvml.NVMLError:
        return ()
    finally:
        nvml.nvmlShutdown()


def largest(*figures: int | None) -> int | None:
    """Return the largest of the available figures; None without any."""
    return max((each for each in figures if each is not None), default=None)


def _describe(gpu: NvmlDevice) -> Gpu:
    return Gpu(
        name=_text(gpu.query("nvmlDeviceGetName")),
        driver=_text(gpu.nvml.nvmlSystemGetDriverVersion()),
        memory_bytes=gpu.query("nvmlDeviceGetMemoryInfo").total,
        core_clock_mhz=gpu.query("nvmlDeviceGetMaxClockInfo", of=gpu.nvml.NVML_CLOCK_SM),
        memory_clock_mhz=gpu.query("nvmlDeviceGetMaxClockInfo", of=gpu.nvml.NVML_CLOCK_MEM),
    )


def _text(value: str | bytes) -> str:
    """Return a name; bindings before 11.5 return bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
