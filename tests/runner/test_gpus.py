"""GPUs by NVIDIA's library, which is not here: a stand-in answers as it does."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from simx.results.surroundings import Gpu
from simx.runner.gpus import describe_gpus


class _Error(Exception):
    pass


class FakeNvml(ModuleType):
    """One GPU, which has no clock for its memory."""

    NVMLError = _Error
    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2

    def __init__(self, *, driver: bool) -> None:
        super().__init__("fake_nvml")
        self.__spec__ = SimpleNamespace(name="fake_nvml")  # type: ignore[assignment]
        self._driver = driver
        self.ended = 0

    def nvmlInit(self) -> None:  # noqa: N802 - the library's names, here and below
        if not self._driver:
            raise _Error("NVML Shared Library Not Found")

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.ended += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, _handle: int) -> bytes:  # noqa: N802
        return b"NVIDIA Example"

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "570.1"

    def nvmlDeviceGetMemoryInfo(self, _handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(total=8 * 2**30)

    def nvmlDeviceGetMaxClockInfo(self, _handle: int, clock: int) -> int:  # noqa: N802
        if clock == self.NVML_CLOCK_MEM:
            raise _Error("Not Supported")
        return 1980


def test_a_gpu_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, driver, memory and clocks; what the driver does not tell is None."""
    nvml = FakeNvml(driver=True)
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
