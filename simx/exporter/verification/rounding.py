"""How far torch's float32 embeddings are from its own float64 ones.

Weights that amplify rounding make any two float32 programs disagree. Computed only after a
disagreement, to name its cause. Imports torch.
"""

import copy
import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from simx.results.statistics.vector_math import relative_l2


def float32_error(body: nn.Module, inputs: Iterable[npt.NDArray[np.float32]]) -> float:
    """Return the largest relative L2 error of float32 embeddings against float64 ones, on the CPU.

    Args:
        body: a headless network in evaluation mode; it is copied.
        inputs: float32 [N, 3, H, W] each.
    """
    exact = copy.deepcopy(body).cpu().to(memory_format=torch.contiguous_format).double()
    plain = copy.deepcopy(exact).float()
    errors = [0.0]
    with torch.inference_mode():
        for array in inputs:
            image = torch.from_numpy(array)
            pairs = zip(plain(image).numpy(), exact(image.double()).numpy(), strict=True)
            errors += [
                math.inf if (error := relative_l2(*pair)) is None else error for pair in pairs
            ]
    return max(errors)
