"""Linux's own figures, from files as the kernel writes them."""

import os
from pathlib import Path

from simx.runner.bench.environment import _boost, _governor, _threads_per_core
from simx.runner.measure.system import (
    core_times_ns,
    forget_peak,
    pressure_ns,
    resident_bytes,
    runnable_ns,
    thermal_throttles,
    waiting_ns,
)

TICK = 10_000_000


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_stolen_and_busy_time_are_read_from_the_first_line(tmp_path: Path) -> None:
    """Idle, waiting for disks and guests are neither; ticks are of 10 ms."""
    stat = written(tmp_path, "stat", "cpu  10 1 20 999 888 2 3 7 55 44\ncpu0 1 1 1\n")

    assert core_times_ns(stat) == (7 * TICK, (10 + 1 + 20 + 2 + 3) * TICK)
    assert core_times_ns(tmp_path / "none") == (None, None)


def test_waiting_is_summed_over_threads(tmp_path: Path) -> None:
    """It is the second figure of each thread's account."""
    written(tmp_path, "1/schedstat", "500 30 4\n")
    written(tmp_path, "2/schedstat", "700 12 9\n")

    assert waiting_ns(tmp_path) == 42
    assert waiting_ns(tmp_path / "none") is None


def test_a_thread_that_waits_is_runnable(tmp_path: Path) -> None:
    """Its time on a core and its time without one are summed."""
    written(tmp_path, "1/schedstat", "500 30 4\n")
    written(tmp_path, "2/schedstat", "700 12 9\n")

    assert runnable_ns(tmp_path) == 1242
    assert runnable_ns(tmp_path / "none") is None


def test_pressure_is_the_total_of_some(tmp_path: Path) -> None:
    """Microseconds become nanoseconds; a kernel without the account tells nothing."""
    content = (
        "some avg10=0.01 avg60=0.18 avg300=0.22 total=1657655\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    )

    assert pressure_ns(written(tmp_path, "cpu", content)) == 1_657_655_000
    assert pressure_ns(tmp_path / "none") is None


def test_throttling_by_heat_is_summed_over_the_cores_of_this_process(tmp_path: Path) -> None:
    """Cores and packages count; other processors have no such files."""
    (core, *_) = os.sched_getaffinity(0)
    written(tmp_path, f"cpu{core}/thermal_throttle/core_throttle_count", "3\n")
    written(tmp_path, f"cpu{core}/thermal_throttle/package_throttle_count", "4\n")
    written(tmp_path, "cpu99999/thermal_throttle/core_throttle_count", "50\n")

    assert thermal_throttles(tmp_path) == 7
    assert thermal_throttles(tmp_path / "none") is None


def test_resident_memory_has_a_peak_that_can_be_forgotten() -> None:
    """What was used and freed counts as the peak until it is forgotten."""
    block = bytearray(200 * 2**20)
    block[:: 2**12] = b"x" * len(block[:: 2**12])
    before = resident_bytes(peak=True)
    del block
    forget_peak()
    after = resident_bytes(peak=True)

    assert before is not None
    assert after is not None
    assert before - after > 100 * 2**20


def test_governors_and_boost_are_read_where_the_system_tells(tmp_path: Path) -> None:
    """Each governor is named once; Intel's driver says when boost is off."""
    for core, governor in enumerate(["powersave", "powersave", "performance"]):
        written(tmp_path, f"cpu{core}/cpufreq/scaling_governor", f"{governor}\n")
    written(tmp_path, "cpu0/topology/thread_siblings_list", "0,4\n")
    assert _boost(tmp_path) is None

    written(tmp_path, "cpufreq/boost", "1\n")
    assert _boost(tmp_path) is True
    written(tmp_path, "intel_pstate/no_turbo", "1\n")
    assert _boost(tmp_path) is False
    assert _governor(tmp_path) == "powersave performance"
    assert _threads_per_core(tmp_path) == 2
    assert _governor(tmp_path / "none") is None
    assert _threads_per_core(tmp_path / "none") is None
