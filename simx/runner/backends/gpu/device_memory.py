"""How much of a GPU's memory a worker needs, by the driver, while nothing is timed."""

import os
import threading
from typing import Self

from simx.results.schema.environment import DeviceMemory
from simx.runner.backends.gpu.nvml import NvmlDevice

_SECONDS = 0.005
"""Between two looks: as often as the driver can be asked without a core of its own."""


class DeviceMemoryMeter:
    """Looks again and again, in a thread of its own, from when it is entered until it is left."""

    def __init__(self, device: NvmlDevice | None) -> None:
        """Take the GPU to look at, or None where there is none to ask."""
        self._device = device
        self._before: int | None = None
        self._of_process: int | None = None
        self._of_device: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        if self._device is not None:
            self._before = self._device.used_bytes()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._device is not None:
            self._ended.set()
            self._thread.join()
            self._look(self._device)

    def read(self, allocated: int | None) -> DeviceMemory | None:
        """Return the peak, or None where neither driver nor allocator tells one.

        Args:
            allocated: What the backend's own allocator says.
        """
        if self._of_process is not None:
            return DeviceMemory(peak=self._of_process, by="process", allocated=allocated)
        if self._of_device is not None and self._before is not None:
            grown = max(0, self._of_device - self._before)
            return DeviceMemory(peak=grown, by="device", allocated=allocated)
        if allocated is not None:
            return DeviceMemory(peak=allocated, by="allocator", allocated=allocated)
        return None

    def _look_on(self) -> None:
        while self._device is not None and not self._ended.wait(_SECONDS):
            self._look(self._device)

    def _look(self, device: NvmlDevice) -> None:
        self._of_process = _larger(self._of_process, (device.processes() or {}).get(os.getpid()))
        self._of_device = _larger(self._of_device, device.used_bytes())


def _larger(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)
