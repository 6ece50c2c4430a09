"""Weights that amplify rounding are told from a wrong program by float64."""

import numpy as np
import pytest
import torch
from torch import nn

from simx.exporter.verification.rounding import float32_error

PICTURES = np.random.default_rng(3).normal(size=(2, 3, 8, 8)).astype(np.float32)


class Shifted(nn.Module):
    """Adds a number to a convolution's result, and takes it away again."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Conv2d(3, 5, 3)
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        shifted: torch.Tensor = self.layer(image) + self.shift
        return (shifted - self.shift).flatten(1)


@pytest.mark.parametrize(
    ("shift", "least", "most"), [(0.0, 0.0, 1e-6), (1e4, 1e-4, 1e-2), (1e9, 0.9, 1.1)]
)
def test_the_error_is_that_of_rounding(shift: float, least: float, most: float) -> None:
    """What a large number takes away in float32 is there in float64."""
    assert least <= float32_error(Shifted(shift), [PICTURES]) <= most


def test_the_network_stays_as_it_is() -> None:
    """It is measured afterwards, in its own precision and layout."""
    body = Shifted(1.0).to(memory_format=torch.channels_last)
    float32_error(body, [PICTURES])

    assert body.layer.weight.dtype == torch.float32
    assert body.layer.weight.is_contiguous(memory_format=torch.channels_last)
