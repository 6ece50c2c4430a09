"""ONNX Runtime's build for GPUs on a machine that has none: refused, with the real cause."""

import re
from pathlib import Path

import pytest

from simx.common.errors import ExitCode
from simx.runner.backends.gpu.nvml import describe_gpus
from tests.providers.conftest import Elsewhere


@pytest.fixture(autouse=True)
def _without_a_gpu() -> None:
    if describe_gpus() or Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")


def test_cuda_is_refused_with_its_cause(gpu: Elsewhere, tmp_path: Path) -> None:
    """The build lists CUDA and falls back in silence; simx ends, and writes not one cell."""
    outcome = gpu(
        *("bench", "squeezenet1_1", "--backend", "ort", "--provider", "cuda"),
        *("-o", "report.json"),
    )

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert outcome.out == ""
    (message,) = outcome.messages
    assert "CUDAExecutionProvider cannot be used with backend ort here" in message
    assert "cannot open shared object file" in message or "CUDA" in message.partition("(")[2]
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in message
    assert list(tmp_path.glob("report*")) == []


def test_the_wheels_libraries_are_found(wheels: Elsewhere) -> None:
    """Nothing of CUDA's and cuDNN's is missed any more, but the driver that is not here."""
    outcome = wheels("bench", "squeezenet1_1", "--backend", "ort", "--provider", "cuda")
    (message,) = outcome.messages

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert "libcuda.so.1" in message or "CUDA failure" in message
    assert "libcublas" not in message
    assert "libcudnn" not in message


def test_the_wheels_libraries_are_told(wheels: Elsewhere) -> None:
    """With the versions that they tell of themselves, and without torch."""
    code = (
        "from simx.runner.backends.ort.cuda_libraries import preload\n"
        "from simx.runner.measure.loaded_libraries import loaded_libraries\n"
        "preload('CUDAExecutionProvider')\n"
        "found = loaded_libraries()\n"
        "print(found['libcudart'].count('.'), found['libcudnn'].count('.'), 'libcublas' in found)\n"
        "import sys; print('torch' in sys.modules)"
    )

    assert wheels(python_code=code).out.split() == ["1", "2", "True", "False"]


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_an_option_changes_nothing_of_it(gpu: Elsewhere, provider: str) -> None:
    """One line with the library that is missing, whatever else is asked for."""
    outcome = gpu(
        *("bench", "squeezenet1_1", "--backend", "ort", "--provider", provider),
        *("--provider-option", "colour=red"),
    )

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert len(outcome.messages) == 1


def test_the_doctor_says_the_same(gpu: Elsewhere) -> None:
    """The provider is there and does not run; the processor's does."""
    outcome = gpu("doctor", "--provider", "cuda")
    text = " ".join(outcome.out.split())

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert "ort on CUDAExecutionProvider: no node was placed on CUDAExecutionProvider" in text
    assert "cannot open shared object file" in text or "CUDA failure" in text
    assert re.search(r"\b(\d+)/\1 cpu\b", text)
