"""Batch norms as a part of the convolutions before them."""

import torch
from torch import nn

from simx.runner.backends.torch.backend import _fuse_batch_norms


class Activated(nn.BatchNorm2d):
    """A batch norm with an activation, as timm has it."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return super().forward(features).relu()


def network() -> nn.Module:
    """Two blocks, whose batch norms have seen some pictures."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Sequential(nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1, bias=False), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(4, 4, 1), Activated(4)),
    )
    for _ in range(3):
        made(torch.randn(4, 3, 9, 9) + 1)
    return made.eval()


def test_only_batch_norms_behind_convolutions_go() -> None:
    """The answers stay; a batch norm that comes first, or activates, stays as well."""
    usual, fused = network(), network()
    _fuse_batch_norms(fused)
    image = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        torch.testing.assert_close(fused(image), usual(image))

    left = [name for name, each in fused.named_modules() if isinstance(each, nn.BatchNorm2d)]
    assert left == ["1.0", "2.1"]
