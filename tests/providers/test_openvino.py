"""OpenVINO for real: another build of ONNX Runtime, no torch, and the store of the first."""

import json
from pathlib import Path

import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import read
from simx.results.schema.report import FailedCell, MeasuredCell
from simx.results.statistics.threads import has_too_few, has_too_many
from tests.providers.conftest import Elsewhere

OPENVINO = "OpenVINOExecutionProvider"
MODELS = ("squeezenet1_1", "mobilenet_v3_small", "regnet_y_400mf")


def test_there_is_no_torch(openvino: Elsewhere) -> None:
    """Otherwise the rest would show nothing."""
    outcome = openvino(python_code="import torch")

    assert outcome.code != 0
    assert "No module named 'torch'" in outcome.err


def test_exported_backbones_are_measured_on_it(openvino: Elsewhere, tmp_path: Path) -> None:
    """With every node proven to run there, and the vector still torch's."""
    outcome = openvino(
        *("bench", *MODELS, "--backend", "ort", "--provider", "openvino", "--provider", "cpu"),
        *("--launches", "1", "--rounds", "1", "-o", "report.json"),
    )
    report = read(tmp_path / "report.json")
    cells = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]

    assert outcome.code == ExitCode.DONE
    assert {(cell.identity.model, cell.identity.provider) for cell in cells} == {
        (model, provider) for model in MODELS for provider in (OPENVINO, "CPUExecutionProvider")
    }
    for cell in cells:
        assert set(cell.placement) == {cell.identity.provider}
        assert cell.placement[cell.identity.provider] > 10
        assert cell.parity.cosine >= 0.9999
        assert cell.parity.relative_l2 <= 1e-4
    assert report.environment is not None
    assert "torch" not in report.environment.libraries
    assert "onnxruntime-openvino" in report.environment.libraries


def test_an_option_labels_its_cells(openvino: Elsewhere, tmp_path: Path) -> None:
    """It reaches the provider, is kept with the cell, and leaves the processor's own alone."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "openvino", "--provider", "cpu"),
        *("--provider-option", "num_streams=1", "--launches", "1", "--rounds", "1"),
        *("-o", "report.json"),
    )
    cells = {
        cell.identity.backend: cell
        for cell in read(tmp_path / "report.json").cells
        if isinstance(cell, MeasuredCell)
    }

    assert outcome.code == ExitCode.DONE
    assert set(cells) == {"ort", "ort:num_streams=1"}
    assert cells["ort:num_streams=1"].identity.provider == OPENVINO
    assert cells["ort:num_streams=1"].settings["num_streams"] == "1"
    assert "num_streams" not in cells["ort"].settings


@pytest.mark.parametrize("threads", [1, 2])
def test_it_computes_with_the_requested_threads(
    openvino: Elsewhere, tmp_path: Path, threads: int
) -> None:
    """It has threads of its own, one for each core unless it is limited."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "openvino"),
        *("--threads", str(threads), "--launches", "1", "--rounds", "1", "-o", "report.json"),
    )
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)
    assert cell.threads_used is not None

    assert outcome.code == ExitCode.DONE
    assert not has_too_few(cell.threads_used, threads)
    assert not has_too_many(cell.threads_used, threads)


def test_more_threads_than_requested_are_a_failure(openvino: Elsewhere, tmp_path: Path) -> None:
    """A configuration that takes back the limit does not give a figure of one thread."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "openvino", "--threads", "1"),
        *("--provider-option", 'load_config={"CPU":{"INFERENCE_NUM_THREADS":"2"}}'),
        *("--launches", "1", "--rounds", "1", "-o", "report.json"),
    )
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, FailedCell)

    assert outcome.code == ExitCode.CELLS_FAILED
    assert cell.stage == "threads"
    assert '\'ort:load_config={"CPU":{"INFERENCE_NUM_THREADS":"2"}}\'' in cell.command


def test_threads_by_the_provider_s_own_option_are_in_the_name(
    openvino: Elsewhere, tmp_path: Path
) -> None:
    """Then more of them than ``--threads`` are what the cell's name says."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "openvino", "--threads", "1"),
        *("--provider-option", "num_of_threads=2", "--launches", "1", "--rounds", "1"),
        *("-o", "report.json"),
    )
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)

    assert outcome.code == ExitCode.DONE
    assert cell.identity.backend == "ort:num_of_threads=2"
    assert has_too_many(cell.threads_used or 0, 1)


def test_an_option_that_the_provider_does_not_know_is_refused(
    openvino: Elsewhere, tmp_path: Path
) -> None:
    """In one line that names it, before anything is measured."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "openvino"),
        *("--provider-option", "colour=red", "-o", "report.json"),
    )

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert len(outcome.messages) == 1
    assert "Invalid OpenVINO EP option: colour" in outcome.messages[0]
    assert list(tmp_path.glob("report*")) == []


def test_without_a_record_the_profile_is_the_witness(openvino: Elsewhere) -> None:
    """OpenVINO runs a whole graph as one node; the profile says that it is the only one."""
    code = (
        "from simx.runner.backends.ort import backend\n"
        "backend.recorded_nodes = lambda session: ()\n"
        f"print(backend.OrtRuntime().probe({OPENVINO!r}))"
    )

    assert openvino(python_code=code).out == f"{{{OPENVINO!r}: 1}}\n"


def test_what_was_loaded_is_kept_and_shown(openvino: Elsewhere, tmp_path: Path) -> None:
    """OpenVINO's library with its version, and what brought the provider; no folder."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "openvino", "--detail"),
        *("--launches", "1", "--rounds", "1", "-o", "report.json"),
    )
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)

    assert cell.libraries["libopenvino"].isdigit()
    assert cell.settings["provider_source"] == "built in"
    assert not any("/" in name for name in cell.libraries)
    assert f"openvino {cell.libraries['libopenvino']}" in " ".join(outcome.out.split())


def test_the_processor_s_own_provider_takes_no_option(openvino: Elsewhere, tmp_path: Path) -> None:
    """It would take any in silence, and its cells would be called by what they do not have."""
    outcome = openvino(
        *("bench", MODELS[0], "--backend", "ort", "--provider", "cpu"),
        *("--provider-option", "colour=red", "-o", "report.json"),
    )

    assert outcome.code == ExitCode.USAGE
    assert len(outcome.messages) == 1
    assert list(tmp_path.glob("report*")) == []


def test_the_doctor_says_the_same(openvino: Elsewhere) -> None:
    """Usable, with its nodes counted; torch is missed and no problem."""
    outcome = openvino("doctor", "--provider", "openvino", "--format", "json")
    found = json.loads(outcome.out)
    (of_openvino,) = [each for each in found["providers"] if each["provider"] == OPENVINO]

    assert outcome.code == ExitCode.DONE
    assert of_openvino["reason"] is None
    assert set(of_openvino["proof"]) == {OPENVINO}
    assert found["problems"] == []


def test_what_torch_has_to_make_is_told(openvino: Elsewhere) -> None:
    """A backbone that was not exported cannot be measured here, and nothing else suffers."""
    outcome = openvino("bench", "vgg11", "--backend", "ort", "--launches", "1", "--rounds", "1")

    assert outcome.code == ExitCode.CELLS_FAILED
    assert "torch" in outcome.err
    assert "Traceback" not in outcome.err
