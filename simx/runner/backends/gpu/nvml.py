"""NVIDIA's management library, asked about the one GPU that a runtime's device number stands for.

The binding (package nvidia-ml-py) may be missing, old, or without what a GPU does not support:
whatever cannot be told is None.
"""

import ctypes
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

MODULE = "pynvml"
"""What the package nvidia-ml-py installs; simx's extra ``cuda`` asks for it."""

_DRIVER = "libcuda.so.1"


def pci_bus_id(ordinal: int, load: Callable[[str], Any] = ctypes.CDLL) -> str | None:
    """Return where on the bus a CUDA device is, by CUDA's own driver.

    Runtimes number devices as CUDA does, by speed and by what CUDA_VISIBLE_DEVICES leaves; the
    management library numbers all of them by their place. Must not be called before a fork.

    Args:
        ordinal: CUDA's number of the device.
        load: Loads a library; replaced in tests.
    """
    try:
        driver = load(_DRIVER)
    except OSError:
        return None
    device, text = ctypes.c_int(), ctypes.create_string_buffer(32)
    steps: tuple[Callable[[], int], ...] = (
        lambda: driver.cuInit(0),
        lambda: driver.cuDeviceGet(ctypes.byref(device), ordinal),
        lambda: driver.cuDeviceGetPCIBusId(text, len(text), device),
    )
    if any(step() != 0 for step in steps):
        return None
    return text.value.decode()


class NvmlDevice:
    """One GPU; the library stays open for as long as the process lives."""

    def __init__(self, nvml: Any, handle: Any) -> None:  # noqa: ANN401 - the binding has no types
        self.nvml = nvml
        self._handle = handle

    def ask(self, *functions: str, of: int | None = None) -> Any:  # noqa: ANN401 - likewise
        """Return the answer of the first of these functions that has one.

        Args:
            functions: Names of the binding's functions, newest first.
            of: A further argument, such as which clock is meant.
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
        """Return the processes that compute on it, with the bytes of its memory that they have."""
        found = self.ask("nvmlDeviceGetComputeRunningProcesses")
        return None if found is None else {each.pid: each.usedGpuMemory for each in found}

    def used_bytes(self) -> int | None:
        """Return how much of its memory is in use, whoever uses it."""
        memory = self.ask("nvmlDeviceGetMemoryInfo")
        return None if memory is None else int(memory.used)


def open_device(
    ordinal: int | None,
    module: str = MODULE,
    bus_id: Callable[[int], str | None] = pci_bus_id,
) -> NvmlDevice | None:
    """Return the GPU of a runtime's device number, or None where it cannot be asked.

    Args:
        ordinal: CUDA's number of the device; None for whatever is no CUDA device.
        module: The binding; replaced in tests.
        bus_id: Where on the bus a device is; replaced in tests.
    """
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
