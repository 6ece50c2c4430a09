"""What a GPU was like at both ends of a block, told from a stand-in for NVIDIA's library."""

import os
import subprocess
import sys

import pytest

from simx.results.schema.gpu import GpuState
from simx.runner.backends.gpu.gpu_state import Family, GpuWatch, watch
from simx.runner.backends.gpu.nvml import NvmlDevice
from tests.runner.fake_nvml import FakeNvml, SilentNvml

OWN = os.getpid()
NOBODY = Family(OWN, parents=lambda _: [])


def look(nvml: FakeNvml, family: Family = NOBODY) -> GpuState:
    return GpuWatch(NvmlDevice(nvml, 0), family).begin()()


def test_both_ends_are_told_of() -> None:
    """What held the clocks down at either, the higher temperature, and the rest of the end."""
    nvml = FakeNvml()
    nvml.reasons, nvml.temperatures, nvml.pids = [0x1 | 0x20, 0x4], [64, 61], [OWN]

    assert look(nvml) == GpuState(
        core_clock_mhz=1980,
        memory_clock_mhz=None,
        temperature_c=64,
        power_mw=310_500,
        utilisation_percent=97,
        limits=("idle", "power cap", "thermal slowdown"),
        others=0,
    )


def test_what_is_not_supported_is_none() -> None:
    """And raises nothing."""
    assert look(SilentNvml()) == GpuState()


def test_a_bit_that_nobody_knows_is_left_out() -> None:
    """Drivers get new ones."""
    nvml = FakeNvml()
    nvml.reasons = [1 << 40 | 0x8]

    assert look(nvml).limits == ("hardware slowdown",)


def test_the_run_s_own_processes_are_not_others() -> None:
    """Other cells' workers descend from the same process, by whichever server."""
    nvml = FakeNvml()
    nvml.pids = [OWN, 501, 502, 666]
    family = Family(100, parents=lambda pid: {501: [300, 100, 1], 502: [301, 100, 1]}.get(pid, [1]))

    assert look(nvml, family).others == 1


@pytest.mark.parametrize("pids", [[], [4_000_001, 4_000_002]], ids=["none", "others' numbers"])
def test_processes_that_cannot_be_told_apart_are_unknown(pids: list[int]) -> None:
    """Where our own process is not among them, they are numbered as another namespace does."""
    nvml = FakeNvml()
    nvml.pids = pids

    assert look(nvml).others is None


def test_a_child_is_family_and_a_stranger_is_not() -> None:
    """By the system's own tree of processes."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert Family(OWN).has(child.pid)
        assert not Family(child.pid).has(os.getppid())
        child.communicate(b"")


def test_without_a_gpu_nothing_is_looked_at() -> None:
    """As here."""
    assert watch(None) is None
