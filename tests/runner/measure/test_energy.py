"""Energy counters, of a folder that pretends to be powercap's, and of a stand-in for NVML."""

from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec import UNSET

from simx.runner.backends.gpu.nvml import NvmlDevice
from simx.runner.measure.energy import UNREADABLE, EnergyMeter, notes
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.timing import take_block

RANGE = 262_143_328_850
"""Microjoules after which a counter of Intel's begins anew."""


def zone(powercap: Path, name: str, title: str, microjoules: int | None = 0) -> Path:
    """Make a zone; without microjoules its counter cannot be read."""
    folder = powercap / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{title}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    counter = folder / "energy_uj"
    counter.mkdir() if microjoules is None else counter.write_text(f"{microjoules}\n")
    return counter


def test_packages_alone_are_added_up(tmp_path: Path) -> None:
    """Their parts, and the whole machine, would count the same energy again."""
    for number, (name, title) in enumerate(
        (
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
            ("dtpm", "package-9"),
        )
    ):
        zone(tmp_path, name, title, 10**number)

    assert EnergyMeter(None, tmp_path).read() == [1, 100]


@given(start=some.integers(0, RANGE), used=some.integers(0, RANGE - 1))
def test_a_counter_may_begin_anew(
    tmp_path_factory: pytest.TempPathFactory, start: int, used: int
) -> None:
    """Once between two readings."""
    folder = tmp_path_factory.mktemp("powercap")
    counter = zone(folder, "intel-rapl:0", "package-0")
    meter = EnergyMeter(None, folder)
    end = start + used
    counter.write_text(str(end if end <= RANGE else end - RANGE))

    assert meter.since([start]) == used


def test_where_nothing_is_told_there_is_nothing(tmp_path: Path) -> None:
    """Not zero, and no note where there are no counters."""
    meter = EnergyMeter(None, tmp_path)

    assert (meter.read(), meter.since([3]), meter.idle_watts()) == (None, None, None)
    assert notes(tmp_path) == ()
    block = take_block(lambda: None, BlockPlan(seconds=0.0, min_calls=1), 0, energy=meter)
    assert block.noise.energy_uj is UNSET


def test_counters_that_cannot_be_read_are_one_note(tmp_path: Path) -> None:
    """Two packages, one note, and no energy of the one that can be read alone."""
    zone(tmp_path, "intel-rapl:0", "package-0")
    zone(tmp_path, "intel-rapl:1", "package-1", None)

    assert EnergyMeter(None, tmp_path).read() is None
    assert notes(tmp_path) == (UNREADABLE,)


def test_a_block_has_the_energy_of_its_counted_calls(tmp_path: Path) -> None:
    """Uncounted calls come before it is read."""
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 7)

    def call() -> None:
        counter.write_text(str(int(counter.read_text()) + 1000))

    meter = EnergyMeter(None, tmp_path)
    block = take_block(call, BlockPlan(seconds=0.0, min_calls=5), 0, energy=meter)

    assert block.noise.energy_uj == 1000 * block.calls * len(block.ns)


def test_idle_power_is_energy_over_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a device that uses two joules while it is slept."""
    counter = zone(tmp_path, "intel-rapl:0", "package-0")
    monkeypatch.setattr("time.sleep", lambda _: counter.write_text("2000000"))
    moments = iter([10.0, 10.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))

    assert EnergyMeter(None, tmp_path).idle_watts() == pytest.approx(4)


class _Device:
    """A GPU with 5 J since its driver was loaded, or without a counter."""

    def __init__(self, millijoules: int | None) -> None:
        self._millijoules = millijoules

    def query(self, name: str) -> int | None:
        assert name == "nvmlDeviceGetTotalEnergyConsumption"
        return self._millijoules


def test_a_gpu_has_its_own_counter(tmp_path: Path) -> None:
    """The processor's is not read for what a GPU computes."""
    zone(tmp_path, "intel-rapl:0", "package-0", 3)
    able, unable = (EnergyMeter(cast("NvmlDevice", _Device(of)), tmp_path) for of in (5000, None))

    assert able.read() == [5_000_000]
    assert able.since([1_000_000]) == 4_000_000
    assert unable.read() is None
