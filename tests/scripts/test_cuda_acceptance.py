"""The checks for a machine with a GPU, on made-up reports: right ones pass, and wrong ones fail.

There is no GPU here; what is tested is that the checks can fail.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts.cuda_acceptance import checks, gpu
from scripts.cuda_acceptance.checks import (
    CHECKS,
    CPU,
    CUDA,
    TENSORRT,
    check_placement,
    check_variants,
)
from scripts.cuda_acceptance.verdict import Verdict, is_passed, judged
from simx.models.pictures import COMPARED_IMAGES
from simx.results.schema.environment import DeviceMemory, Memory
from simx.results.schema.gpu import GpuState
from simx.results.schema.report import MeasuredCell, Parity, Report
from simx.results.schema.times import DeviceEvents, Noise, Scope, Timing
from tests.results.builders import around, failed, identity, measured, report, timings

ROOT = Path(__file__).resolve().parent.parent.parent

TORCH_SETTINGS = {setting: value for _, (setting, value), _ in checks.SETTINGS}
ORT_SETTINGS = {setting: value for _, _, (setting, value) in checks.SETTINGS}
STATE = GpuState(core_clock_mhz=1980, temperature_c=50, limits=("idle",), others=0)


def with_state(timing: Timing, state: GpuState | None, events: DeviceEvents | None) -> Timing:
    """Return a timing as a GPU's worker takes it."""
    launches = tuple(
        msgspec.structs.replace(
            launch,
            events=events if timing.scope == "forward" else None,
            blocks=tuple(
                msgspec.structs.replace(block, noise=Noise(gpu=state)) for block in launch.blocks
            ),
        )
        for launch in timing.launches
    )
    return msgspec.structs.replace(timing, launches=launches)


def on_cuda(backend: str, milliseconds: float = 2.0) -> MeasuredCell:
    """Return a cell as a GPU makes it."""
    wall = round(milliseconds * 1e6)
    events = DeviceEvents(wall_ns=(wall,), device_ns=(round(0.97 * wall),))
    further: list[tuple[Scope, Any, float]] = [("host", None, milliseconds + 0.4)]
    further += [("similarity.host", image, 0.08) for image in COMPARED_IMAGES]
    of = [
        *timings(milliseconds),
        *(Timing(scope=scope, image=image, launches=around(ms)) for scope, image, ms in further),
    ]
    device = DeviceMemory(peak=600 * 2**20, by="process", allocated=None)
    cell = measured(
        identity(backend=backend, provider=CUDA),
        placement={CUDA: 120, CPU: 4} if backend == "ort" else {},
        of=tuple(with_state(each, STATE, events if backend == "torch" else None) for each in of),
    )
    return msgspec.structs.replace(
        cell,
        settings=TORCH_SETTINGS if backend == "torch" else ORT_SETTINGS,
        memory=Memory(before=1, peak=2, device=device),
    )


def right() -> Report:
    """Return a report as a machine with a GPU makes it."""
    return report(
        on_cuda("torch"),
        on_cuda("ort", 1.5),
        measured(milliseconds=50),
        measured(identity(backend="ort"), milliseconds=25),
    )


def changed(backend: str, change: Callable[[MeasuredCell], MeasuredCell]) -> Report:
    """Return the right report with one backend's cell on CUDA changed."""
    of = right()
    return msgspec.structs.replace(
        of,
        cells=tuple(
            change(cell)
            if isinstance(cell, MeasuredCell)
            and (cell.identity.backend, cell.identity.provider) == (backend, CUDA)
            else cell
            for cell in of.cells
        ),
    )


def outcomes(of: Report) -> dict[str, str]:
    verdicts = [check(of) for check in CHECKS]
    return {verdict.name: verdict.outcome for verdict in verdicts}


def failing(of: Report) -> set[str]:
    return {name for name, outcome in outcomes(of).items() if outcome == "FAIL"}


def test_a_report_as_a_gpu_makes_it_passes() -> None:
    """Every check, with a figure."""
    assert set(outcomes(right()).values()) == {"PASS"}
    assert is_passed([check(right()) for check in CHECKS])


@pytest.mark.parametrize("backend", ["torch", "ort"])
def test_a_figure_of_the_processor_s_with_cuda_s_name_fails(backend: str) -> None:
    """By its speed, its memory, what it does not have from a device, and where its nodes ran."""
    its = identity(backend=backend, provider=CUDA)
    lying = measured(its, milliseconds=30, placement={CPU: 124} if backend == "ort" else {})
    failures = failing(changed(backend, lambda _: lying))

    assert failures >= {
        "a GPU's speed",
        "device memory",
        "host takes longer than forward",
        "similarity both ways",
        "the GPU's state",
        "equal settings",
        "placement" if backend == "ort" else "events",
    }


def test_a_processor_s_report_fails() -> None:
    """There is nothing on CUDA in it, which is no pass."""
    failures = failing(report(measured(), measured(identity(backend="ort"))))

    assert failures == set(outcomes(right())) - {"every cell has figures"}


def without(scope: Scope) -> Callable[[MeasuredCell], MeasuredCell]:
    return lambda cell: msgspec.structs.replace(
        cell, timings=tuple(each for each in cell.timings if each.scope != scope)
    )


def with_(**fields: Any) -> Callable[[MeasuredCell], MeasuredCell]:
    return lambda cell: msgspec.structs.replace(cell, **fields)


def with_timings(
    state: GpuState | None, events: DeviceEvents | None
) -> Callable[[MeasuredCell], MeasuredCell]:
    return lambda cell: msgspec.structs.replace(
        cell, timings=tuple(with_state(each, state, events) for each in cell.timings)
    )


SMALL = DeviceMemory(peak=600 * 2**20, by="process", allocated=2**20)
EARLY = DeviceEvents(wall_ns=(2_000_000,), device_ns=(9_000_000,))


@pytest.mark.parametrize(
    ("backend", "change", "name"),
    [
        ("ort", with_(placement={}), "placement"),
        ("ort", with_(placement={CUDA: 60, CPU: 60}), "placement"),
        ("ort", with_(placement={CUDA: 120, "TensorrtExecutionProvider": 1}), "placement"),
        ("torch", with_(parity=Parity(cosine=0.99, relative_l2=0.1)), "parity"),
        ("ort", without("host"), "host takes longer than forward"),
        ("ort", without("similarity.host"), "similarity both ways"),
        ("torch", without("similarity"), "similarity both ways"),
        ("torch", with_timings(STATE, None), "events"),
        ("torch", with_timings(STATE, EARLY), "events"),
        ("ort", with_timings(None, None), "the GPU's state"),
        ("ort", with_timings(GpuState(core_clock_mhz=9), None), "the GPU's state"),
        ("torch", with_(memory=Memory(before=1, peak=2, device=SMALL)), "device memory"),
        ("ort", with_(settings={**ORT_SETTINGS, "use_tf32": "1"}), "equal settings"),
        ("torch", with_(settings={**TORCH_SETTINGS, "cudnn_benchmark": "true"}), "equal settings"),
    ],
)
def test_one_thing_wrong_fails_one_check(
    backend: str, change: Callable[[MeasuredCell], MeasuredCell], name: str
) -> None:
    """And no other: every check is about something of its own."""
    assert failing(changed(backend, change)) == {name}


def test_another_provider_has_to_have_its_own_nodes() -> None:
    """TensorRT's nodes left to CUDA are not TensorRT's."""
    its = identity(backend="ort", provider=TENSORRT)
    on_its_own = report(measured(its, placement={TENSORRT: 100, CPU: 2}))
    on_cuda_instead = report(measured(its, placement={TENSORRT: 90, CUDA: 10}))

    assert check_placement(on_its_own, TENSORRT).outcome == "PASS"
    assert check_placement(on_cuda_instead, TENSORRT).outcome == "FAIL"
    assert check_placement(on_its_own, CUDA).outcome == "FAIL"


def test_a_slow_gpu_fails() -> None:
    """Whatever else it shows, one as slow as the processor is none."""
    of = msgspec.structs.replace(
        right(), cells=(on_cuda("torch", 30), on_cuda("ort", 1.5), *right().cells[2:])
    )

    assert failing(of) == {"a GPU's speed"}


def test_a_failed_cell_fails() -> None:
    """With its stage and reason."""
    of = msgspec.structs.replace(right(), cells=(*right().cells, failed(identity("vgg11"))))

    assert failing(of) == {"every cell has figures"}


def test_every_variant_has_to_be_there() -> None:
    """One that has no figure is named."""
    of = report(on_cuda("torch"), on_cuda("torch:tf32"))

    assert check_variants(of, ["torch:tf32"]).outcome == "PASS"
    assert "ort:tf32 has no figure" in check_variants(of, ["torch:tf32", "ort:tf32"]).line


def test_nothing_looked_at_is_no_pass() -> None:
    """Neither of one check nor of all."""
    assert judged("placement", [], []).outcome == "FAIL"
    assert not is_passed([])
    assert not is_passed([Verdict("SKIP", "TensorRT", "")])
    assert not is_passed([Verdict("PASS", "a", ""), Verdict("FAIL", "b", "")])
    assert is_passed([Verdict("PASS", "a", ""), Verdict("SKIP", "b", "")])


class FakeDriver:
    def __init__(self, count: int, code: int = 0) -> None:
        self._count, self._code = count, code

    def cuInit(self, _flags: int) -> int:  # noqa: N802 - the library's names
        return self._code

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self._count
        return 0


def test_a_machine_without_a_gpu_is_told_apart() -> None:
    """By CUDA's own driver: not there, refusing, or with nothing to offer."""

    def missing(_name: str) -> Any:
        raise OSError("libcuda.so.1: cannot open shared object file")

    assert gpu.trouble(lambda _: FakeDriver(1)) is None
    assert gpu.trouble(lambda _: FakeDriver(0)) == "the driver counts none"
    assert gpu.trouble(lambda _: FakeDriver(1, code=100)) == "cuInit ends with error 100"
    assert "cannot open" in str(gpu.trouble(missing))


@pytest.mark.skipif(gpu.trouble() is None, reason="this machine has a GPU")
def test_without_a_gpu_it_ends_with_one_line() -> None:
    """And with a failure: nothing was tested."""
    script = ROOT / "scripts" / "cuda_acceptance" / "gpu.py"
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "there is no GPU here that CUDA can use" in ended.stderr
