"""The management library is asked about the device that the runtime means, or not at all."""

import ctypes
import sys
from typing import Any

import pytest

from simx.results.schema.environment import Gpu
from simx.runner.backends.gpu.nvml import NvmlDevice, describe_gpus, open_device, pci_bus_id
from tests.runner.fake_nvml import FakeNvml, OldNvml, SilentNvml

PLACE = "0000:3B:00.0"


class FakeDriver:
    """CUDA's driver with one device left visible, which is not the first on the bus."""

    def __init__(self, fails: str = "") -> None:
        self._fails = fails

    def _code(self, name: str) -> int:
        return 100 if name == self._fails else 0

    def cuInit(self, _flags: int) -> int:  # noqa: N802 - the library's names, here and below
        return self._code("cuInit")

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = 40 + ordinal
        return self._code("cuDeviceGet") if ordinal == 0 else 101

    def cuDeviceGetPCIBusId(self, text: Any, size: int, device: ctypes.c_int) -> int:  # noqa: N802
        assert (size, device.value) == (32, 40)
        text.value = PLACE.encode()
        return self._code("cuDeviceGetPCIBusId")


def test_a_device_is_known_by_its_place_on_the_bus() -> None:
    """As CUDA numbers it, whatever CUDA_VISIBLE_DEVICES leaves."""
    assert pci_bus_id(0, load=lambda _: FakeDriver()) == PLACE


@pytest.mark.parametrize("fails", ["cuInit", "cuDeviceGet", "cuDeviceGetPCIBusId"])
def test_a_driver_that_refuses_has_no_place(fails: str) -> None:
    """None of the calls may be believed after one has failed."""
    assert pci_bus_id(0, load=lambda _: FakeDriver(fails)) is None


def test_a_number_too_many_has_no_place() -> None:
    """There is one device."""
    assert pci_bus_id(1, load=lambda _: FakeDriver()) is None


def test_without_a_driver_there_is_no_place() -> None:
    """As here."""

    def load(_name: str) -> Any:
        raise OSError("libcuda.so.1: cannot open shared object file")

    assert pci_bus_id(0, load=load) is None


def test_the_library_is_asked_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by number, which means another device there."""
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "fake_nvml", nvml)

    assert open_device(0, "fake_nvml", bus_id=lambda _: PLACE) is not None
    assert nvml.asked_for == [PLACE]


@pytest.mark.parametrize(
    ("ordinal", "module", "place"),
    [
        (None, "fake_nvml", PLACE),
        (0, "no_such_module", PLACE),
        (0, "fake_nvml", None),
        (0, "fake_nvml", "0000:01:00.0"),
    ],
    ids=["no CUDA device", "no binding", "no driver of CUDA's", "not among the library's"],
)
def test_what_cannot_be_asked_is_none(
    monkeypatch: pytest.MonkeyPatch, ordinal: int | None, module: str, place: str | None
) -> None:
    """A run goes on without."""
    monkeypatch.setitem(sys.modules, "fake_nvml", FakeNvml())

    assert open_device(ordinal, module, bus_id=lambda _: place) is None


def test_a_driver_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The binding may be installed where the library is not."""
    monkeypatch.setitem(sys.modules, "fake_nvml", FakeNvml(driver=False))

    assert open_device(0, "fake_nvml", bus_id=lambda _: PLACE) is None


def test_the_newest_function_that_answers_is_taken() -> None:
    """Bindings and drivers change names; what nobody supports is None."""
    names = (
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
    )

    assert NvmlDevice(FakeNvml(), 0).query(*names) == 0
    assert NvmlDevice(OldNvml(), 0).query(*names) == 0x4
    assert NvmlDevice(SilentNvml(), 0).query(*names) is None


def test_memory_is_told_by_process_and_as_a_whole() -> None:
    """A container may hide how much a process has, and a driver everything."""
    nvml = FakeNvml()
    nvml.pids = [7, 8]
    hidden = FakeNvml()
    hidden.pids, hidden.bytes_of_each = [7], None
    silent = NvmlDevice(SilentNvml(), 0)

    assert NvmlDevice(nvml, 0).processes() == {7: 1000, 8: 1000}
    assert NvmlDevice(hidden, 0).processes() == {7: None}
    assert NvmlDevice(nvml, 0).used_bytes() == 5000
    assert silent.processes() is None
    assert silent.used_bytes() is None


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
