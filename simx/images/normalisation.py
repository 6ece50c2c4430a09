"""Cropped RGB pixels -> the input of a backbone. Workers import it: it needs numpy alone."""

import numpy as np
from numpy.typing import NDArray

from simx.models.backbone import Preset


def normalise(crops: NDArray[np.uint8], preset: Preset) -> NDArray[np.float32]:
    """Scale to [0, 1], subtract the mean, divide by the standard deviation.

    Each step is in float32 and in torchvision's order, so that every value is rounded alike.

    Args:
        crops: uint8 [N, H, W, 3].
        preset: mean and standard deviation per channel.

    Returns:
        float32 [N, 3, H, W], C-contiguous.
    """
    count, height, width, channels = crops.shape
    values = np.empty((count, channels, height, width), np.float32)
    values[...] = crops.transpose(0, 3, 1, 2)
    values /= np.float32(255)
    values -= np.array(preset.mean, np.float32)[:, np.newaxis, np.newaxis]
    values /= np.array(preset.std, np.float32)[:, np.newaxis, np.newaxis]
    return values
