"""RGB pixels -> the input of a backbone: the ``preprocess`` stage of a measured pipeline.

Gives the same as torchvision's own preset for the same Pillow image, without torch. Pillow resizes
here as it does there (a tensor's resize gives other pixels), so that every backend gets the same
bytes. Knows nothing of files.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simx.common.errors import InputError
from simx.images.limits import MAX_RESIZED_PIXELS
from simx.models.backbone import Preset

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def preprocess(image: Image.Image, preset: Preset) -> NDArray[np.float32]:
    """Return the network's input for one picture.

    Args:
        image: The picture, mode RGB.
        preset: Sizes, filter, mean and standard deviation that belong to the weights.

    Returns:
        float32 [1, 3, crop, crop], C-contiguous, normalised.

    Raises:
        InputError: The resized picture would be larger than the limit.
    """
    return normalise(crop(image, preset)[np.newaxis], preset)


def crop(image: Image.Image, preset: Preset) -> NDArray[np.uint8]:
    """Resize the short side and take the centre, padded with black where the preset crops more.

    The whole picture is resized, not only the part that the crop keeps: Pillow has the corners of
    such a part in single precision, which would round some pixels differently.

    Args:
        image: The picture, mode RGB.
        preset: Sizes and filter.

    Returns:
        uint8 [crop, crop, 3], read-only.

    Raises:
        InputError: The resized picture would be larger than the limit.
        ValueError: The image is not RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"only RGB can be preprocessed, not mode {image.mode}")
    check_resizable("to preprocess", image.size, preset)
    width, height = resized_size(image.size, preset)
    resized = image.resize((width, height), _FILTERS[preset.interpolation])
    left, top = _centred(width, preset.crop), _centred(height, preset.crop)
    return np.asarray(resized.crop((left, top, left + preset.crop, top + preset.crop)))


def normalise(crops: NDArray[np.uint8], preset: Preset) -> NDArray[np.float32]:
    """Scale to [0, 1], subtract the mean, divide by the standard deviation.

    Each step in float32 and in torchvision's order, so that every value is rounded alike.

    Args:
        crops: uint8 [N, H, W, 3].
        preset: Mean and standard deviation per channel.

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


def resized_size(size: tuple[int, int], preset: Preset) -> tuple[int, int]:
    """Return width and height after the resize; the long side is cut to whole pixels."""
    width, height = size
    if width <= height:
        return preset.resize, int(preset.resize * height / width)
    return int(preset.resize * width / height), preset.resize


def check_resizable(name: str, size: tuple[int, int], preset: Preset) -> None:
    """Refuse a picture that a preset's resize would make too large, before memory is spent on it.

    Args:
        name: The picture's path as the user typed it.
        size: Its width and height in pixels.
        preset: The preset whose short side it would be resized to.

    Raises:
        InputError: More than ``MAX_RESIZED_PIXELS`` after the resize.
    """
    width, height = resized_size(size, preset)
    if width * height > MAX_RESIZED_PIXELS:
        raise InputError(
            f"picture {name} is {size[0]}x{size[1]}, which resizing the short side to "
            f"{preset.resize} makes {width}x{height}, more than the {MAX_RESIZED_PIXELS:,} pixels "
            "allowed; crop it"
        )


def _centred(length: int, kept: int) -> int:
    """Return where the centre crop starts, rounded as in torchvision; negative is padding."""
    spare = length - kept
    return round(spare / 2) if spare >= 0 else -(-spare // 2)
