"""Reads the state of the GPU before and after each block, never while it is timed.

Each query takes the driver up to some milliseconds. ``results.schema.gpu`` defines the figures.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import msgspec

from simx.results.schema.gpu import LIMITS, GpuState, Limit
from simx.runner.backends.gpu.nvml import NvmlDevice, largest
from simx.workers.child_process import ROOT_VARIABLE


def _parents(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # it has ended
        while pid > 1:
            # The name, in parentheses, may have any character; state and parent follow it.
            status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            pid = int(status.rpartition(")")[2].split()[1])
            found.append(pid)
    return found


class Family:
    """The processes of this run: the root and all its descendants."""

    def __init__(self, root: int, parents: Callable[[int], list[int]] = _parents) -> None:
        self._root = root
        self._parents = parents
        self._known: dict[int, bool] = {os.getpid(): True}

    def has(self, pid: int) -> bool:
        """Whether a process belongs to this run."""
        if pid not in self._known:
            self._known[pid] = pid == self._root or self._root in self._parents(pid)
        return self._known[pid]


class GpuWatch:
    """Reads the state of one GPU, in the worker that computes on it."""

    def __init__(self, device: NvmlDevice, family: Family) -> None:
        self._device = device
        self._family = family

    def begin(self) -> Callable[[], GpuState]:
        """Read the state now; return a function that reads it again and combines both."""
        before = self._query()
        return lambda: _both(before, self._query())

    def _query(self) -> GpuState:
        query, nvml = self._device.query, self._device.nvml
        rates = query("nvmlDeviceGetUtilizationRates")
        bits = query(
            "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
        )
        return GpuState(
            core_clock_mhz=query("nvmlDeviceGetClockInfo", of=nvml.NVML_CLOCK_SM),
            memory_clock_mhz=query("nvmlDeviceGetClockInfo", of=nvml.NVML_CLOCK_MEM),
            temperature_c=query("nvmlDeviceGetTemperature", of=nvml.NVML_TEMPERATURE_GPU),
            power_mw=query("nvmlDeviceGetPowerUsage"),
            utilisation_percent=None if rates is None else rates.gpu,
            limits=None if bits is None else _limits(bits),
            others=self._others(),
        )

    def _others(self) -> int | None:
        """Count the processes of other runs; None if this process is not among those listed.

        A container may list the processes by their ids outside of it, or list none.
        """
        found = self._device.processes()
        if found is None or os.getpid() not in found:
            return None
        return sum(not self._family.has(pid) for pid in found)


def watch(device: NvmlDevice | None) -> GpuWatch | None:
    """Return a watch for a GPU, or None without one."""
    if device is None:
        return None
    return GpuWatch(device, Family(int(os.environ.get(ROOT_VARIABLE, os.getppid()))))


def _limits(bits: int) -> tuple[Limit, ...]:
    return tuple(limit for place, limit in enumerate(LIMITS) if bits >> place & 1)


def _both(before: GpuState, after: GpuState) -> GpuState:
    known = [each.limits for each in (before, after) if each.limits is not None]
    return msgspec.structs.replace(
        after,
        limits=tuple(limit for limit in LIMITS if limit in chain(*known)) if known else None,
        temperature_c=largest(before.temperature_c, after.temperature_c),
        others=largest(before.others, after.others),
    )
