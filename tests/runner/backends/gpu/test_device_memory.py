"""A GPU's memory by its driver: of the process, of the whole device, or not at all."""

import os

import pytest

from simx.results.schema.environment import DeviceMemory
from simx.runner.backends.gpu.device_memory import DeviceMemoryMeter
from simx.runner.backends.gpu.nvml import NvmlDevice
from tests.runner.fake_nvml import FakeNvml, SilentNvml


def test_the_process_s_own_peak_is_taken() -> None:
    """The most it had at any look, though less is left at the end."""
    nvml = FakeNvml()
    nvml.pids = [os.getpid(), 4_000_001]
    meter = DeviceMemoryMeter(NvmlDevice(nvml, 0))
    with meter:
        nvml.bytes_of_each = 7000
        meter._query(NvmlDevice(nvml, 0))
        nvml.bytes_of_each = 3000

    assert meter.read(6000) == DeviceMemory(peak=7000, by="process", allocated=6000)


@pytest.mark.parametrize("pids", [[], [os.getpid()]], ids=["no processes", "without their bytes"])
def test_where_no_process_is_told_of_the_device_s_growth_is_taken(pids: list[int]) -> None:
    """As in a container; what was in use before is not the worker's."""
    nvml = FakeNvml()
    nvml.pids, nvml.bytes_of_each = pids, None
    meter = DeviceMemoryMeter(NvmlDevice(nvml, 0))
    with meter:
        nvml.used = 5900

    assert meter.read(None) == DeviceMemory(peak=900, by="device", allocated=None)


def test_the_allocator_is_better_than_nothing() -> None:
    """Where the driver cannot be asked, or tells nothing."""
    for device in (None, NvmlDevice(SilentNvml(), 0)):
        with DeviceMemoryMeter(device) as meter:
            pass

        assert meter.read(6000) == DeviceMemory(peak=6000, by="allocator", allocated=6000)
        assert meter.read(None) is None
