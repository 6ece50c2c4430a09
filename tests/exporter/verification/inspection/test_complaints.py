"""The rules together: a sound graph has no complaints, and exports of torch have the right ones."""

from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from simx.exporter.network import graph as exporting
from simx.exporter.network.graph import EXPORTED_BATCH, export_graph
from simx.exporter.verification.inspection import Expectation, complaints
from tests.exporter.verification.inspection.support import found, graph

SIDE = 8


class Network(nn.Module):
    """A convolution, a batch norm that does not go into it, pooling, and what comes behind."""

    def __init__(self, behind: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(5)
        self.convolution = nn.Conv2d(3, 5, 3)
        self.behind = behind

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.norm(self.convolution(image).relu())
        embedding: torch.Tensor = self.behind(features.mean((2, 3)))
        return embedding


class Repeated(nn.Module):
    """Adds a token, which it repeats as often as there are pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 5))

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        tokens = self.token.expand(embedding.shape[0], -1)
        return torch.cat([embedding, tokens], 1)


def inspected(body: nn.Module, path: Path, dim: int = 5) -> list[str]:
    """Export a network; return the complaints about it if only a ``Network`` were expected."""
    export_graph(body, SIDE, path)
    parameters = Network(nn.Identity()).parameters()
    expected = Expectation(
        batch=EXPORTED_BATCH,
        crop=SIDE,
        dim=dim,
        weights=tuple(tuple(parameter.shape) for parameter in parameters),
    )
    return list(complaints(onnx.load(path), expected))


def test_a_sound_graph_has_no_complaints() -> None:
    """The graph that all others here differ from by one thing."""
    assert found(graph()) == []


def test_what_torch_exports_of_a_headless_network_has_no_complaints(tmp_path: Path) -> None:
    """In evaluation mode, with a free batch, and with a token that is repeated for each picture."""
    body = Network(Repeated()).eval()

    assert inspected(body, tmp_path / "model.onnx", dim=10) == []


def test_what_torch_exports_in_training_mode_is_refused(tmp_path: Path) -> None:
    """By its dropout: batch norms are translated to those of evaluation mode, whatever they are."""
    (line,) = inspected(Network(nn.Dropout()).train(), tmp_path / "model.onnx")

    assert line.startswith("Dropout node ")


def test_a_head_that_torch_exports_is_refused(tmp_path: Path) -> None:
    """The node and its weights are named."""
    body = Network(nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 1000))).eval()

    lines = inspected(body, tmp_path / "model.onnx", dim=1000)

    assert any(line.endswith("behind.2.weight is [1000, 7]") for line in lines)
    assert any(line.endswith("behind.0.weight [7, 5] is too many") for line in lines)


def test_a_batch_that_torch_froze_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a dynamic dimension the token is repeated for the traced batch and no other."""
    monkeypatch.setattr(
        exporting, "_trace", lambda body, example: torch.export.export(body, (example,))
    )

    lines = inspected(Network(Repeated()).eval(), tmp_path / "model.onnx", dim=10)

    assert "image has the shape [101, 3, 8, 8], not ['batch', 3, 8, 8]" in lines
    assert any("101" in line and line.startswith(("constant", "Expand")) for line in lines)


@pytest.mark.parametrize(
    ("interface", "complaint"),
    [
        (
            "(float[batch, 3, 8, 8] picture) => (float[batch, 5] embedding)",
            "its inputs and outputs are named ['picture', 'embedding'], not ['image', 'embedding']",
        ),
        (
            "(float[4, 3, 8, 8] image) => (float[batch, 5] embedding)",
            "image has the shape [4, 3, 8, 8], not ['batch', 3, 8, 8]",
        ),
        (
            "(float[batch, 3, 8, 9] image) => (float[batch, 5] embedding)",
            "image has the shape ['batch', 3, 8, 9], not ['batch', 3, 8, 8]",
        ),
        (
            "(float[s77, 3, 8, 8] image) => (float[batch, 5] embedding)",
            "image has the shape ['s77', 3, 8, 8], not ['batch', 3, 8, 8]",
        ),
        (
            "(float[batch, 3, 8, 8] image) => (float[batch, 6] embedding)",
            "embedding has the shape ['batch', 6], not ['batch', 5]",
        ),
        (
            "(float[batch, 3, 8, 8] image) => (float16[batch, 5] embedding)",
            "embedding is not of type float32",
        ),
    ],
)
def test_another_interface_is_refused(interface: str, complaint: str) -> None:
    """Names, the batch among them, sizes and types are those of every export."""
    assert found(graph(signature=f"tested {interface}")) == [complaint]
