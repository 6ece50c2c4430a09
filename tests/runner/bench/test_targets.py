"""A backend that does not start is reported with the cause, and with advice only where it helps."""

from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError, ProviderUnavailableError
from simx.models.backbone import Backbone
from simx.runner.backends.registry import backend_named
from simx.runner.bench.targets import product, started, useful_targets
from tests.runner.fakes import BACKBONE, OWN


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("import no_such_package", "'no_such_package'; pip install torch torchvision"),
        ("raise ImportError('cannot map')", "ImportError: cannot map"),
    ],
)
def test_an_install_is_advised_only_for_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, advice: str
) -> None:
    """All else that keeps a worker from starting is not mended by it."""
    (tmp_path / "runtime.py").write_text(statement)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    backend = msgspec.structs.replace(backend_named("torch"), entry="runtime:main")
    with pytest.raises(ProviderUnavailableError) as error:
        started(backend)

    assert str(error.value).startswith("backend torch: the worker was not started: its server ")
    assert str(error.value).endswith(advice)


@pytest.mark.parametrize(
    ("backbones", "labels", "noted"),
    [
        ([BACKBONE], ["torch", "ort"], False),
        ([OWN], ["ort"], True),
        ([BACKBONE, OWN], ["torch", "ort"], True),
    ],
)
def test_torch_is_no_target_of_a_model_of_ones_own(
    backbones: list[Backbone], labels: list[str], *, noted: bool
) -> None:
    """It has no weights for torch; a target that no backbone has is not started."""
    targets, _ = product([backend_named("torch"), backend_named("ort")], ["CPUExecutionProvider"])
    found, notes = useful_targets(targets, backbones)

    assert [each.backend.label for each in found] == labels
    assert notes == ["torch has no cells of mine:file, because it cannot run an ONNX file"] * noted


def test_a_model_of_ones_own_needs_a_backend_that_runs_graphs() -> None:
    """The line names the option."""
    targets, _ = product([backend_named("torch")], ["CPUExecutionProvider"])
    with pytest.raises(InputError, match="torch cannot run an ONNX file; add --backend ort"):
        useful_targets(targets, [BACKBONE, OWN])
