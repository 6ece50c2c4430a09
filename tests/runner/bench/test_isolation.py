"""Which process loads which runtime: the parent none, the ORT worker no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from simx.runner.backends.providers import probe
from simx.runner.backends.registry import backend_named
from simx.runner.measure.messages import Usable
from simx.workers.forking import launcher

HEAVY = ("torch", "torchvision", "onnx", "onnxruntime", "onnxscript")


def loaded_by(module: str) -> set[str]:
    """Return which heavy libraries a fresh interpreter has after importing a module."""
    script = f"import sys, {module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "simx.runner.bench.session",
        "simx.cli.export",
        "simx.runner.bench.bench",
        "simx.runner.bench.targets",
    ],
)
def test_the_parent_loads_no_runtime(module: str) -> None:
    """What runs in the parent imports neither torch nor onnxruntime."""
    assert loaded_by(module) == set()


def test_the_ort_worker_loads_no_torch() -> None:
    """An ONNX Runtime worker's server has imported onnxruntime, and nothing of torch or onnx."""
    assert loaded_by("simx.runner.backends.ort.backend") == {"onnxruntime"}


def test_the_torch_worker_loads_no_onnxruntime() -> None:
    """A torch worker's server has imported torch, and not ONNX Runtime."""
    loaded = loaded_by("simx.runner.backends.torch.backend")

    assert "torch" in loaded
    assert "onnxruntime" not in loaded


def test_a_worker_sends_no_telemetry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker that has run ONNX Runtime leaves none of the files its telemetry makes."""
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    backend = backend_named("ort")
    with launcher(backend.entry) as workers:
        reply = probe("CPUExecutionProvider", workers)

    assert isinstance(reply, Usable)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
