"""GPUs by NVIDIA's library, which is not here: a stand-in answers as it does."""

import sys

import pytest

from simx.results.schema.environment import Gpu
from simx.runner.backends.gpu.gpus import describe_gpus
from tests.runner.fake_nvml import FakeNvml


def test_a_gpu_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, driver, memory and clocks; what the driver does not tell is None."""
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "fake_nvml", nvml)

    assert describe_gpus("fake_nvml") == (
        Gpu(
            name="NVIDIA Example",
            driver="570.1",
            memory_bytes=8 * 2**30,
            core_clock_mhz=1980,
            memory_clock_mhz=None,
        ),
    )
    assert nvml.ended == 1


def test_a_library_without_a_driver_finds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package may be installed where no GPU is."""
    monkeypatch.setitem(sys.modules, "fake_nvml", FakeNvml(driver=False))

    assert describe_gpus("fake_nvml") == ()


def test_without_the_library_there_are_none() -> None:
    """It is an extra."""
    assert describe_gpus("no_such_module") == ()
