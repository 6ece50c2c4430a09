"""A stand-in for NVIDIA's library, which answers as it does; there is no GPU where tests run."""

from types import ModuleType, SimpleNamespace
from typing import Any


class NvmlFailure(Exception):  # noqa: N818 - the library calls its own NVMLError
    """What the library raises for everything it cannot do."""


class FakeNvml(ModuleType):
    """One GPU, which has no clock for its memory, in a binding of today."""

    NVMLError = NvmlFailure
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, *, driver: bool = True) -> None:
        super().__init__("fake_nvml")
        self.__spec__ = SimpleNamespace(name="fake_nvml")  # type: ignore[assignment]
        self._driver = driver
        self.ended = 0
        self.asked_for: list[str] = []
        self.reasons = [0]
        self.temperatures = [50]
        self.pids: list[int] = []
        self.bytes_of_each: int | None = 1000
        self.used = 5000

    def nvmlInit(self) -> None:  # noqa: N802 - the library's names, here and below
        if not self._driver:
            raise NvmlFailure("NVML Shared Library Not Found")

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.ended += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> int:  # noqa: N802
        self.asked_for.append(place)
        if place != "0000:3B:00.0":
            raise NvmlFailure("Not Found")
        return 0

    def nvmlDeviceGetName(self, _handle: int) -> bytes:  # noqa: N802
        return b"NVIDIA Example"

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "570.1"

    def nvmlDeviceGetMemoryInfo(self, _handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(total=8 * 2**30, used=self.used)

    def nvmlDeviceGetMaxClockInfo(self, _handle: int, clock: int) -> int:  # noqa: N802
        if clock == self.NVML_CLOCK_MEM:
            raise NvmlFailure("Not Supported")
        return 1980

    nvmlDeviceGetClockInfo = nvmlDeviceGetMaxClockInfo  # noqa: N815

    def nvmlDeviceGetTemperature(self, _handle: int, _sensor: int) -> int:  # noqa: N802
        return self.temperatures.pop(0) if len(self.temperatures) > 1 else self.temperatures[0]

    def nvmlDeviceGetPowerUsage(self, _handle: int) -> int:  # noqa: N802
        return 310_500

    def nvmlDeviceGetUtilizationRates(self, _handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=97, memory=40)

    def nvmlDeviceGetCurrentClocksEventReasons(self, _handle: int) -> int:  # noqa: N802
        return self.reasons.pop(0) if len(self.reasons) > 1 else self.reasons[0]

    def nvmlDeviceGetComputeRunningProcesses(self, _handle: int) -> list[Any]:  # noqa: N802
        return [SimpleNamespace(pid=pid, usedGpuMemory=self.bytes_of_each) for pid in self.pids]


class OldNvml(FakeNvml):
    """A binding from before the function for reasons was renamed."""

    nvmlDeviceGetCurrentClocksEventReasons = None  # type: ignore[assignment]  # noqa: N815

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _handle: int) -> int:  # noqa: N802
        return 0x4


class SilentNvml(FakeNvml):
    """A GPU that supports next to nothing."""

    def nvmlDeviceGetClockInfo(self, _handle: int, _clock: int) -> int:  # noqa: N802
        raise NvmlFailure("Not Supported")

    def nvmlDeviceGetTemperature(self, _handle: int, _sensor: int) -> int:  # noqa: N802
        raise NvmlFailure("Not Supported")

    def nvmlDeviceGetPowerUsage(self, _handle: int) -> int:  # noqa: N802
        raise NvmlFailure("Not Supported")

    def nvmlDeviceGetUtilizationRates(self, _handle: int) -> Any:  # noqa: N802
        raise NvmlFailure("Not Supported")

    def nvmlDeviceGetCurrentClocksEventReasons(self, _handle: int) -> int:  # noqa: N802
        raise NvmlFailure("Function Not Found")

    def nvmlDeviceGetComputeRunningProcesses(self, _handle: int) -> list[Any]:  # noqa: N802
        raise NvmlFailure("Insufficient Permissions")

    def nvmlDeviceGetMemoryInfo(self, _handle: int) -> Any:  # noqa: N802
        raise NvmlFailure("Unknown Error")
