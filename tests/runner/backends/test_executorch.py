"""ExecuTorch: what the contract suite does not ask of every backend."""

import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("executorch", reason="executorch is not installed; run make test-engines")

from simx.runner.backends import executorch
from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.executorch import ExecuTorchRuntime

IMAGE = np.zeros((1, 3, 224, 224), dtype=np.float32)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep programs in the test's folder, where no earlier test has left one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


class Sums(nn.Module):
    """An operator that XNNPACK lacks."""

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.cumsum(1)


@pytest.mark.parametrize(
    ("last", "portable"), [(nn.ReLU(), "none"), (Sums(), "1 aten.cumsum.default")]
)
def test_the_settings_say_what_xnnpack_executes(
    task: Task, monkeypatch: pytest.MonkeyPatch, last: nn.Module, portable: str
) -> None:
    """The portable kernels for what it lacks take their time, and a reader has to know of it."""
    body = nn.Sequential(nn.Conv2d(3, 4, 8, 8), last)
    monkeypatch.setattr(executorch, "headless", lambda _: body.eval())
    settings = ExecuTorchRuntime().create(task).facts.settings

    assert settings["delegate"] == "XnnpackBackend"
    assert settings["delegated_parts"] == "1"
    assert settings["portable_operators"] == portable


def test_a_later_launch_finds_the_program(task: Task, tmp_path: Path) -> None:
    """Only that of its own cell; it gives the same embedding."""
    cells = [task, task, msgspec.structs.replace(task, batch=2)]
    backends = [ExecuTorchRuntime().create(each) for each in cells]
    first, second = (each.fetch(each.forward(each.place(IMAGE))) for each in backends[:2])

    assert [each.facts.is_cached for each in backends] == [False, True, False]
    assert np.array_equal(first, second)
    assert len(list(tmp_path.rglob("*.pte"))) == 2


def test_what_cannot_be_lowered_is_one_line(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ExecuTorch says; the next launch tries again."""

    class Broken(nn.Module):
        def forward(self, _: object) -> object:
            raise ValueError("no such luck\nat /home/someone")

    monkeypatch.setattr(executorch, "headless", lambda _: Broken())
    for _ in range(2):
        with pytest.raises(BackendError) as refused:
            ExecuTorchRuntime().create(task)

        assert str(refused.value).startswith("ExecuTorch cannot lower it: ")
        assert "\n" not in str(refused.value)


def test_another_provider_is_refused(task: Task) -> None:
    """It does not fall back to the processor by another name."""
    other = msgspec.structs.replace(task, provider="CUDAExecutionProvider")

    with pytest.raises(BackendError, match="measured on CPUExecutionProvider only"):
        ExecuTorchRuntime().create(other)
