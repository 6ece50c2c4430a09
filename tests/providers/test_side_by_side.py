"""The plain build of ONNX Runtime and another build in one run, each in its own environment."""

import os
from pathlib import Path

import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell, Report
from tests.cli.support import ROOT, Outcome, run_simx

OPENVINO, CPU = "OpenVINOExecutionProvider", "CPUExecutionProvider"
MODELS = ("squeezenet1_1", "mobilenet_v3_small")
BACKENDS = ("--backend", "ort", "--backend", "ort@openvino")
SHORT = ("--launches", "2", "--rounds", "1")


def beside(folder: Path, *arguments: str) -> Outcome:
    """Run this environment's simx, whose settings name the environment with OpenVINO."""
    path = ROOT / ".venv-openvino"
    (folder / "simx.toml").write_text(f'[environments]\nopenvino = "{path}"\n')
    return run_simx(*arguments, cwd=folder, variables={"SIMX_STORE": os.environ["SIMX_TEST_STORE"]})


@pytest.fixture(name="both", scope="module")
def _both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """Measure both builds on both providers, once."""
    if not (ROOT / ".venv-openvino").exists() or "SIMX_TEST_STORE" not in os.environ:
        pytest.skip("there is no environment .venv-openvino; run make test-providers")
    folder = tmp_path_factory.mktemp("both")
    providers = ("--provider", "cpu", "--provider", "openvino")
    return beside(folder, "bench", *MODELS, *BACKENDS, *providers, *SHORT, "-o", "r.json"), folder


def named(report: Report) -> str:
    """Return the name of the backend from the other environment."""
    assert report.environment is not None
    (title,) = report.environment.others
    return title


def test_each_provider_is_measured_where_it_is(both: tuple[Outcome, Path]) -> None:
    """Three targets for each backbone, all proven, and a note on the fourth."""
    outcome, folder = both
    report = read(folder / "r.json")
    cells = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]

    assert outcome.code == ExitCode.DONE
    assert {(c.identity.model, c.identity.backend, c.identity.provider) for c in cells} == {
        (model, *target)
        for model in MODELS
        for target in (("ort", CPU), (named(report), CPU), (named(report), OPENVINO))
    }
    for cell in cells:
        assert set(cell.placement) == {cell.identity.provider}
        assert cell.parity.relative_l2 <= 1e-4
    note = f"ort has no cells on {OPENVINO}, which it cannot use: "
    assert [each.startswith(note) for each in report.notes].count(True) == 1
    assert note in outcome.err


def test_both_builds_are_recorded(both: tuple[Outcome, Path]) -> None:
    """Each environment has its own distribution; the name has the other one's version."""
    report = read(both[1] / "r.json")
    assert report.environment is not None
    other = report.environment.others[named(report)].libraries

    assert "onnxruntime" in report.environment.libraries
    assert "onnxruntime-openvino" not in report.environment.libraries
    assert named(report) == f"ort-openvino {other['onnxruntime-openvino']}"


def test_they_are_compared_within_the_report(both: tuple[Outcome, Path]) -> None:
    """As a gate of a pipeline would do it."""
    name = f"{named(read(both[1] / 'r.json'))} openvino"
    outcome = beside(both[1], "diff", "r.json", "--between", "ort", name, "--fail-on", "never")

    assert outcome.code in {ExitCode.DONE, ExitCode.INCONCLUSIVE}
    assert name in outcome.out


def test_a_provider_that_neither_has_is_refused(both: tuple[Outcome, Path]) -> None:
    """The line names both backends."""
    outcome = beside(both[1], "bench", MODELS[0], *BACKENDS, "--provider", "webgpu")

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    (line,) = outcome.messages
    assert "with backend ort here" in line
    assert "with backend ort-openvino " in line
