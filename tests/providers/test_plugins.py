"""Plug-in providers beside a plain ONNX Runtime: real packages, on whatever machine this is."""

import json
from pathlib import Path

import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell
from tests.providers.conftest import Elsewhere

MODEL = "squeezenet1_1"
OPENVINO = "OpenVINOExecutionProvider"
ONCE = ("--backend", "ort", "--launches", "1", "--rounds", "1", "-o", "report.json")

CORES = Path("/proc/cpuinfo")
OF_INTEL = CORES.exists() and "GenuineIntel" in CORES.read_text(encoding="utf-8")


@pytest.mark.skipif(not OF_INTEL, reason="this plug-in takes Intel's processors alone")
def test_openvino_is_measured_through_its_plug_in(plugins: Elsewhere, tmp_path: Path) -> None:
    """With every node proven, the vector still torch's, and the package told."""
    outcome = plugins("bench", MODEL, "--provider", "openvino", *ONCE)
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)

    assert outcome.code == ExitCode.DONE
    assert set(cell.placement) == {OPENVINO}
    assert cell.parity.relative_l2 <= 1e-4
    assert cell.settings["provider_source"].startswith("onnxruntime-ep-openvino ")
    assert "libopenvino" in cell.libraries


@pytest.mark.parametrize(
    ("provider", "package"),
    [
        pytest.param(
            "openvino",
            "onnxruntime-ep-openvino",
            marks=pytest.mark.skipif(OF_INTEL, reason="this machine has a device for it"),
        ),
        pytest.param(
            "WebGpuExecutionProvider",
            "onnxruntime-ep-webgpu",
            marks=pytest.mark.skipif(
                any(Path("/dev").glob("dri/render*")), reason="this machine may have a GPU"
            ),
        ),
    ],
)
def test_a_plug_in_without_a_device_is_refused(
    plugins: Elsewhere, tmp_path: Path, provider: str, package: str
) -> None:
    """In one line that names it, before anything is measured."""
    outcome = plugins("bench", MODEL, "--provider", provider, *ONCE)
    (message,) = outcome.messages

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert f"{package} " in message
    assert "finds no device for" in message
    assert list(tmp_path.glob("report*")) == []


@pytest.mark.parametrize("allowed", [(), ("--allow-partial",)], ids=["whole", "partial"])
def test_a_plug_in_that_takes_no_node_is_refused(
    plugins: Elsewhere, tmp_path: Path, allowed: tuple[str, ...]
) -> None:
    """QNN's finds a device in any processor, is listed, and leaves every node to the CPU."""
    outcome = plugins(
        *("bench", MODEL, "--provider", "qnn", "--provider-option", "backend_type=htp"),
        *(*allowed, *ONCE),
    )
    (message,) = outcome.messages

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert "no node was placed on QNNExecutionProvider" in message
    assert list(tmp_path.glob("report*")) == []


def test_a_plug_in_s_own_complaint_is_told(plugins: Elsewhere) -> None:
    """Without the places in its source that it came by."""
    outcome = plugins("bench", MODEL, "--provider", "qnn", *ONCE)
    (message,) = outcome.messages

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert "backend path" in message
    assert ".cc:" not in message


def test_the_doctor_lists_every_plug_in(plugins: Elsewhere) -> None:
    """With what it brings and finds; and that they are there is no problem."""
    outcome = plugins("doctor", "--format", "json")
    found = json.loads(outcome.out)
    by_name = {each["name"].split()[0]: each for each in found["plugins"]}

    assert outcome.code == ExitCode.DONE
    assert {name: each["providers"] for name, each in by_name.items()} == {
        "onnxruntime-ep-openvino": [OPENVINO],
        "onnxruntime-ep-webgpu": ["WebGpuExecutionProvider"],
        "onnxruntime-qnn": ["QNNExecutionProvider"],
    }
    by_ort = (each for each in found["providers"] if each["backend"] == "ort")
    assert {each["provider"]: each["reason"] is None for each in by_ort}.items() >= {
        "CPUExecutionProvider": True,
        "QNNExecutionProvider": False,
    }.items()
    assert list(found["distributions"]) == ["onnxruntime"]
    assert found["problems"] == []


def test_the_plain_build_measures_beside_them(plugins: Elsewhere, tmp_path: Path) -> None:
    """The processor's own provider is the build's, whatever else is installed."""
    outcome = plugins("bench", MODEL, "--provider", "cpu", *ONCE)
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)

    assert outcome.code == ExitCode.DONE
    assert cell.settings["provider_source"] == "built in"
