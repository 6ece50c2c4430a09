"""The energy counters of the device that computes: the processor's by RAPL, a GPU's by NVML.

Linux shows those of Intel's and AMD's processors as powercap zones. A package's zone has those of
its parts in it, and ``psys`` is the whole machine, so that packages alone are added up.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from simx.runner.backends.gpu.nvml import NvmlDevice
from simx.runner.measure.system import text

POWERCAP = Path("/sys/class/powercap")

IDLE_SECONDS = 0.3
"""For the power of a device that waits; counters are renewed each millisecond, or some ten."""

UNREADABLE = (
    "the processor's energy counters can be read by root alone here, so there is no energy of cells"
)


class EnergyMeter:
    """Reads the microjoules since some start, and how many there were since an earlier reading.

    Args:
        device: the GPU that computes; None for the processor.
        powercap: the folder of zones; replaced in tests.
    """

    def __init__(self, device: NvmlDevice | None, powercap: Path = POWERCAP) -> None:
        self._device = device
        self._zones = () if device else _packages(powercap)
        ranges = (_number(zone / "max_energy_range_uj") or 0 for zone in self._zones)
        self._ranges = [0] if device else list(ranges)

    def read(self) -> list[int] | None:
        """Return the microjoules of each counter; None where the machine does not tell."""
        if self._device is not None:
            millijoules = self._device.query("nvmlDeviceGetTotalEnergyConsumption")
            return None if millijoules is None else [1000 * millijoules]
        found = [_number(zone / "energy_uj") for zone in self._zones]
        known = [each for each in found if each is not None]
        return known if found and len(known) == len(found) else None

    def since(self, start: Sequence[int] | None) -> int | None:
        """Return the microjoules since a reading, from which a counter may have begun anew once."""
        end = self.read()
        if start is None or end is None:
            return None
        pairs = zip(start, end, self._ranges, strict=True)
        return sum(to - of if to >= of else max(0, to - of + most) for of, to, most in pairs)

    def idle_watts(self) -> float | None:
        """Return the power while nothing runs; None where the machine does not tell."""
        start, begun = self.read(), time.perf_counter()
        if start is None:
            return None
        time.sleep(IDLE_SECONDS)
        used = self.since(start)
        return None if used is None else used / 1e6 / (time.perf_counter() - begun)


def notes(powercap: Path = POWERCAP) -> tuple[str, ...]:
    """Return a note where there are counters that this process may not read."""
    hidden = any(_number(zone / "energy_uj") is None for zone in _packages(powercap))
    return (UNREADABLE,) if hidden else ()


def _packages(powercap: Path) -> tuple[Path, ...]:
    zones = sorted(powercap.glob("intel-rapl:*"))
    return tuple(zone for zone in zones if (text(zone / "name") or "").startswith("package"))


def _number(path: Path) -> int | None:
    found = text(path)
    return int(found) if found and found.isdecimal() else None
