"""Environments with another build of ONNX Runtime and without torch, as `make` makes them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import ROOT, Outcome, run_simx

Elsewhere = Callable[..., Outcome]


def _elsewhere(build: str, folder: Path) -> Elsewhere:
    python = ROOT / f".venv-{build}" / "bin" / "python"
    store = os.environ.get("SIMX_TEST_STORE")
    if not python.exists() or store is None:
        pytest.skip(f"there is no environment .venv-{build}; run make test-providers")

    def run(
        *arguments: str | Path, python_code: str | None = None, its_store: Path | None = None
    ) -> Outcome:
        program = ("-c", python_code) if python_code else ("-m", "simx")
        variables = {"SIMX_STORE": str(its_store or store)}
        return run_simx(*arguments, cwd=folder, variables=variables, python=(python, *program))

    return run


@pytest.fixture(name="openvino")
def _openvino(tmp_path: Path) -> Elsewhere:
    """Run simx where ONNX Runtime is onnxruntime-openvino."""
    return _elsewhere("openvino", tmp_path)


@pytest.fixture(name="gpu")
def _gpu(tmp_path: Path) -> Elsewhere:
    """Run simx where ONNX Runtime is onnxruntime-gpu."""
    return _elsewhere("gpu", tmp_path)


@pytest.fixture(name="plugins")
def _plugins(tmp_path: Path) -> Elsewhere:
    """Run simx where ONNX Runtime is a plain one with plug-in providers beside it."""
    return _elsewhere("plugins", tmp_path)


@pytest.fixture(name="wheels")
def _wheels(tmp_path: Path) -> Elsewhere:
    """Run simx where onnxruntime-gpu has the CUDA and cuDNN of NVIDIA's wheels."""
    return _elsewhere("wheels", tmp_path)


@pytest.fixture(name="conflict")
def _conflict(tmp_path: Path) -> Elsewhere:
    """Run simx where two builds of ONNX Runtime were installed over each other."""
    return _elsewhere("conflict", tmp_path)
