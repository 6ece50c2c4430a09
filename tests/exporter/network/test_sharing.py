"""One trace serves networks that differ in their weights alone, and no others."""

from pathlib import Path

import pytest
import torch
from torch import nn

from simx.exporter.network.graph import TracedNetwork, export_graph
from tests.exporter.network.traced import SIDE


class Small(nn.Module):
    """A convolution with its norm, a table that is in no state dict, and a parameter."""

    def __init__(self, seed: int, *, stride: int = 1, table: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.convolution = nn.Conv2d(3, 4, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.shift = nn.Parameter(torch.randn(2, 2))
        self.table: torch.Tensor
        self.register_buffer("table", torch.tensor([0.0, table]), persistent=False)
        for each in (self.norm.running_mean, self.norm.running_var, self.norm.weight.data):
            assert each is not None
            each.uniform_(0.5, 2.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.norm(self.convolution(image)) + (self.shift @ self.table).sum()
        pooled: torch.Tensor = features.relu().mean((2, 3))
        return pooled


def exported(
    body: nn.Module, path: Path, earlier: TracedNetwork | None = None
) -> tuple[bytes, TracedNetwork]:
    """Return the exported file and the trace that it was made from."""
    traced = export_graph(body.eval(), SIDE, path / "model.onnx", earlier)
    return (path / "model.onnx").read_bytes(), traced


def test_other_weights_need_no_trace_and_give_the_same_file(tmp_path: Path) -> None:
    """The order of exports does not show in them."""
    alone, _ = exported(Small(2), tmp_path)
    first, traced = exported(Small(1), tmp_path)
    second, again = exported(Small(2), tmp_path, traced)
    third, _ = exported(Small(1), tmp_path, again)

    assert again is traced
    assert second == alone
    assert third == first != second


@pytest.mark.parametrize(
    "other",
    [
        Small(2, stride=2),
        Small(2, table=3.0),
        nn.Sequential(Small(2)),
        Small(2).double(),
    ],
    ids=["another stride", "another table", "other names", "another type"],
)
def test_another_network_is_traced_again(other: nn.Module, tmp_path: Path) -> None:
    """Whatever else differs may be a part of the trace."""
    _, traced = exported(Small(1), tmp_path)

    assert not traced.fits(other.eval(), SIDE)
    assert not traced.fits(Small(2).eval(), 2 * SIDE)
    assert traced.fits(Small(2).eval(), SIDE)


def test_a_network_that_was_not_lowered_is_traced_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PyTorch's own way makes tensors that cannot be told from weights."""

    def unwanted(_program: object) -> None:
        raise torch.onnx.OnnxExporterError

    alone, _ = exported(Small(2), tmp_path)
    monkeypatch.setattr("simx.exporter.network.graph.lower", unwanted)
    _, traced = exported(Small(1), tmp_path)

    assert not traced.fits(Small(1).eval(), SIDE)
    monkeypatch.undo()
    assert exported(Small(2), tmp_path, traced)[0] == alone
