"""``simx doctor``: what works here, and the exit code that says so."""

import json
import platform
import re
import venv
from pathlib import Path

import onnxruntime
import pytest

from simx.common.errors import ExitCode
from tests.cli.support import Simx, borrowing_environment


def test_what_works_is_shown_with_its_proof(simx: Simx) -> None:
    """Both backends on the CPU; nothing is on stderr."""
    outcome = simx("doctor")

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert re.search(r"\b(\d+)/\1 cpu\b", outcome.out)
    assert "software: Python" in outcome.out


def test_a_named_provider_that_does_not_run_is_the_exit_code(simx: Simx) -> None:
    """With the reason, and what to install."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    outcome = simx("doctor", "--provider", "cuda")
    text = " ".join(outcome.out.split())

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert "ort on CUDAExecutionProvider: onnxruntime" in text
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in text


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_every_form_has_the_providers(simx: Simx, form: str) -> None:
    """Also for a program."""
    outcome = simx("doctor", "--format", form)

    assert outcome.code == ExitCode.DONE
    if form == "json":
        providers = json.loads(outcome.out)["providers"]
        assert {"ort", "torch", "openvino", "executorch"} == {each["backend"] for each in providers}
    else:
        assert re.search(r"\| ort \| cpu \| \*\*yes\*\* \| (\d+)/\1 cpu \|", outcome.out)


def test_a_misspelt_provider_is_refused(simx: Simx) -> None:
    """As everywhere, in one line."""
    outcome = simx("doctor", "--provider", "cuda0")

    assert outcome.code == ExitCode.USAGE
    assert len(outcome.messages) == 1


def test_one_environment_is_looked_into(simx: Simx, folder: Path) -> None:
    """By its name in the settings: its Python, its libraries, and its providers alone."""
    borrowing_environment(folder / "venv")
    (folder / "simx.toml").write_text('[environments]\nnew = "venv"\n')

    outcome = simx("doctor", "--backend", "ort@new", "--format", "json")

    found = json.loads(outcome.out)
    name = f"ort {onnxruntime.__version__}"
    assert outcome.code == ExitCode.DONE
    assert {each["backend"] for each in found["providers"]} == {name}
    other = found["environment"]["others"][name]
    assert other["python"] == platform.python_version()
    assert other["libraries"]["onnxruntime"] == onnxruntime.__version__


def test_what_an_environment_lacks_is_one_line(simx: Simx, folder: Path) -> None:
    """With the command that installs it there."""
    venv.create(folder / "venv", symlinks=True)

    outcome = simx("doctor", "--backend", "ort@venv")

    assert (outcome.code, outcome.out) == (ExitCode.PROVIDER_UNAVAILABLE, "")
    (line,) = outcome.messages
    assert f"{folder}/venv/bin/python -m pip install 'onnxruntime>=" in line
