"""RGB pixels -> the input of a backbone: the ``preprocess`` stage of a measured pipeline.

Gives the same values as torchvision's preset for the same Pillow image, without torch. Pillow
resizes, because a tensor's resize gives other pixels. Knows nothing of files.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simx.common.errors import InputError
from simx.images.files import MAX_RESIZED_PIXELS
from simx.images.normalisation import normalise
from simx.models.backbone import Preset

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def preprocess(image: Image.Image, preset: Preset) -> NDArray[np.float32]:
    """Return the network's input for one picture.

    Args:
        image: the picture, mode RGB.
        preset: the preset of the weights.

    Returns:
        float32 [1, 3, crop, crop], C-contiguous, normalised.

    Raises:
        InputError: the resized picture would be larger than the limit.
    """
    return normalise(crop(image, preset)[np.newaxis], preset)


def crop(image: Image.Image, preset: Preset) -> NDArray[np.uint8]:
    """Resize the short side and take the centre, padded with black where the preset crops more.

    The whole picture is resized, not only the part that the crop keeps: Pillow has the corners of
    such a part in single precision, which would round some pixels differently.

    Args:
        image: the picture, mode RGB.
        preset: sizes and filter.

    Returns:
        uint8 [crop, crop, 3], read-only.

    Raises:
        InputError: the resized picture would be larger than the limit.
        ValueError: the image is not RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"only RGB can be preprocessed, not mode {image.mode}")
    check_resizable("to preprocess", image.size, preset)
    resized = image.resize(resized_size(image.size, preset), _FILTERS[preset.interpolation])
    spare = (side - preset.crop for side in resized.size)
    # Rounded as in torchvision; negative is padding.
    left, top = (round(each / 2) if each >= 0 else -(-each // 2) for each in spare)
    return np.asarray(resized.crop((left, top, left + preset.crop, top + preset.crop)))


def resized_size(size: tuple[int, int], preset: Preset) -> tuple[int, int]:
    """Return width and height after the resize; the long side is cut to whole pixels."""
    width, height = size
    if width <= height:
        return preset.resize, int(preset.resize * height / width)
    return int(preset.resize * width / height), preset.resize


def check_resizable(name: str, size: tuple[int, int], preset: Preset) -> None:
    """Refuse a picture that a preset's resize would make too large, before memory is spent on it.

    Args:
        name: the picture's path, for the message.
        size: its width and height in pixels.
        preset: the preset that it would be resized for.

    Raises:
        InputError: more than ``MAX_RESIZED_PIXELS`` after the resize.
    """
    width, height = resized_size(size, preset)
    if width * height > MAX_RESIZED_PIXELS:
        raise InputError(
            f"picture {name} is {size[0]}x{size[1]}, which resizing the short side to "
            f"{preset.resize} makes {width}x{height}, more than the {MAX_RESIZED_PIXELS:,} pixels "
            "allowed; crop it"
        )
