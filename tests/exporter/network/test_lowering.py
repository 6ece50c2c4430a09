"""Lowered programs compute what they computed, and leave torch nothing to decompose."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

from simx.exporter.network import graph
from simx.exporter.network.architecture import build
from simx.exporter.network.graph import export_graph
from simx.exporter.network.heads import prepare_for_export, remove_head
from simx.exporter.network.lowering import lower
from simx.models.catalogue import of_torchvision
from tests.exporter.network.traced import SIDE, lowered, operators, pictures, tensors, traced


class Masked(nn.Module):
    """Adds a mask that is written in place, read, and written again."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([2.0]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mask = image.new_zeros((SIDE, SIDE))
        mask[:4, :4] = 1.0
        early = image + mask * self.scale.exp()
        mask[4:, 4:] = 5.0
        return early * mask


class Normed(nn.Module):
    """A convolution, its batch norm, and what may stand between or beside them."""

    def __init__(self, *, bias: bool = False, is_read_twice: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.convolution = nn.Conv2d(3, 5, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(5)
        self.is_read_twice = is_read_twice
        for statistic in (self.norm.running_mean, self.norm.running_var, self.norm.weight.data):
            assert statistic is not None
            statistic.uniform_(0.5, 2.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.convolution(image)
        normed: torch.Tensor = self.norm(features)
        return normed + features if self.is_read_twice else normed


class Overwriting(nn.Module):
    """Overwrites what its ``name`` says: a result of its own, or what others still read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.name = name
        self.convolution = nn.Conv2d(3, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.convolution(image)
        if self.name == "a view":
            features.flatten(1).relu_()
            return features
        if self.name == "what others read":
            doubled = features * 2
            return doubled + features.relu_()
        features += image
        return features.relu_()


class Pooled(nn.Module):
    """Adaptive average pooling to a size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(size)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = self.pool(image)
        return pooled.flatten(1)


def test_what_depends_on_no_input_is_computed_once() -> None:
    """A mask is read as it was at that moment, although it is written again later."""
    body = Masked()
    expected = body(pictures())
    program = lowered(body)
    assert torch.equal(program.module()(pictures()), expected)
    assert operators(program) == {"aten.add.Tensor": 1, "aten.mul.Tensor": 1}
    assert tensors(program) == 2  # the mask at both moments; the parameter is in it


@pytest.mark.parametrize("bias", [False, True])
def test_a_batch_norm_goes_into_its_convolution(*, bias: bool) -> None:
    """One node and two tensors are left, and the values are the same within float32."""
    body = Normed(bias=bias)
    expected = body.eval()(pictures())
    program = lowered(body)
    torch.testing.assert_close(program.module()(pictures()), expected, rtol=1e-5, atol=1e-5)
    assert operators(program) == {"aten.conv2d.default": 1}
    assert tensors(program) == 2
    assert all(name.startswith("convolution.fused_") for name in program.constants)


def test_a_convolution_that_others_read_keeps_its_batch_norm() -> None:
    """What else reads it must see it without the norm."""
    body = Normed(is_read_twice=True)
    expected = body.eval()(pictures())
    program = lowered(body)
    torch.testing.assert_close(program.module()(pictures()), expected)
    assert operators(program)["aten._native_batch_norm_legit_no_training.default"] == 1


class Flattened(nn.Module):
    """Flattens, once or twice."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            image = image.flatten(1)
        return image


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_flat_is_not_flattened_again(times: int) -> None:
    """Pooled embeddings are, and every architecture flattens them once more."""
    program = lowered(Flattened(times))
    assert operators(program) == {"aten.flatten.using_ints": 1}
    assert torch.equal(program.module()(pictures()), pictures().flatten(1))


@pytest.mark.parametrize("kind", [Masked, Normed])
def test_other_weights_give_the_tensors_of_their_own_trace(kind: type[nn.Module]) -> None:
    """Computed, fused and plain tensors alike, under the same names."""
    first, other = kind(), kind()
    for parameter in other.parameters():
        parameter.data += 0.25
    held = lower(traced(first))
    own = lowered(other)

    made = held.made_of(other.state_dict())

    expected = {**own.state_dict, **own.constants}
    assert made.keys() == expected.keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in expected.items())


@pytest.fixture
def decompositions(monkeypatch: pytest.MonkeyPatch) -> list[ExportedProgram]:
    """Return the programs that torch has decomposed."""
    decompose: Callable[..., ExportedProgram] = ExportedProgram.run_decompositions
    programs = []

    def noted(program: ExportedProgram, *args: Any, **options: Any) -> ExportedProgram:
        programs.append(program)
        return decompose(program, *args, **options)

    monkeypatch.setattr(ExportedProgram, "run_decompositions", noted)
    return programs


@pytest.mark.parametrize(
    ("body", "decomposes"),
    [
        (Overwriting("its own result"), False),
        (Overwriting("a view"), True),
        (Overwriting("what others read"), True),
        (Pooled(1), False),
        (Pooled(SIDE), False),
        (Pooled(3), True),
    ],
)
def test_only_what_is_plain_is_exchanged(
    *, body: nn.Module, decomposes: bool, tmp_path: Path, decompositions: list[ExportedProgram]
) -> None:
    """Everything else is left to torch, and either way the exported file computes the same."""
    expected = body(pictures()).detach().numpy()
    export_graph(body, SIDE, tmp_path / "model.onnx")
    assert bool(decompositions) is decomposes
    np.testing.assert_allclose(_run(tmp_path / "model.onnx"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted({backbone.family for backbone in of_torchvision()}))
def test_nothing_of_a_family_is_left_to_torch(
    family: str, tmp_path: Path, decompositions: list[ExportedProgram]
) -> None:
    """Decomposing would take half of the export's time."""
    of_it = (
        backbone for backbone in of_torchvision() if backbone.family == family and backbone.default
    )
    smallest = min(of_it, key=lambda backbone: backbone.gflops)
    body = prepare_for_export(remove_head(build(smallest), "pooled"))
    export_graph(body, smallest.preset.crop, tmp_path / "model.onnx")
    assert decompositions == []


def test_a_program_that_does_not_translate_is_left_to_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another version of torch may want something written otherwise."""

    def unwanted(program: ExportedProgram) -> None:
        program.run_decompositions = lambda *_, **__: program

    monkeypatch.setattr(graph, "lower", unwanted)
    body = Normed()
    expected = body.eval()(pictures()).detach().numpy()
    export_graph(body, SIDE, tmp_path / "model.onnx")
    np.testing.assert_allclose(_run(tmp_path / "model.onnx"), expected, rtol=1e-5, atol=1e-5)


def _run(path: Path) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    output: npt.NDArray[np.float32] = session.run(None, {"image": pictures().numpy()})[0]
    return output
