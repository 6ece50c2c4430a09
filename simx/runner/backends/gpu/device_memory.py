"""Measures how much of a GPU's memory a worker needs, while nothing is timed."""

import os
import threading
from typing import Self

from simx.results.schema.environment import DeviceMemory
from simx.runner.backends.gpu.nvml import NvmlDevice, largest

_SECONDS = 0.005
"""Between two queries of the driver; a shorter pause would keep a core busy."""


class DeviceMemoryMeter:
    """Queries the driver repeatedly, in a thread of its own, while it is entered."""

    def __init__(self, device: NvmlDevice | None) -> None:
        self._device = device
        self._before: int | None = None
        self._of_process: int | None = None
        self._of_device: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._query_repeatedly, daemon=True)

    def __enter__(self) -> Self:
        if self._device is not None:
            self._before = self._device.used_bytes()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._device is not None:
            self._ended.set()
            self._thread.join()
            self._query(self._device)

    def read(self, allocated: int | None) -> DeviceMemory | None:
        """Return the peak; None if neither driver nor allocator (``allocated``) reports one."""
        if self._of_process is not None:
            return DeviceMemory(peak=self._of_process, by="process", allocated=allocated)
        if self._of_device is not None and self._before is not None:
            grown = max(0, self._of_device - self._before)
            return DeviceMemory(peak=grown, by="device", allocated=allocated)
        if allocated is not None:
            return DeviceMemory(peak=allocated, by="allocator", allocated=allocated)
        return None

    def _query_repeatedly(self) -> None:
        while self._device is not None and not self._ended.wait(_SECONDS):
            self._query(self._device)

    def _query(self, device: NvmlDevice) -> None:
        self._of_process = largest(self._of_process, (device.processes() or {}).get(os.getpid()))
        self._of_device = largest(self._of_device, device.used_bytes())
