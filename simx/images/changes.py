"""Changed copies of a picture, which a good embedding keeps near the picture itself.

The strength of each change follows from a seed and the picture's content, so that a run can be
repeated, and is mild enough that a person sees the same thing.
"""

import hashlib
import io
from collections.abc import Callable
from typing import get_args

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from simx.models.pictures import Change

CHANGES: tuple[Change, ...] = get_args(Change)

_Draw = Callable[[float, float], float]


def changed(image: Image.Image, change: Change, seed: int, sha256: str) -> Image.Image:
    """Return a changed copy of a picture.

    A crop keeps 64 to 90 % of each side, a rotation is by 5 to 15 degrees to either side with black
    corners, the aspect changes by a factor of 1.15 to 1.4 or its inverse, the brightness by 1.25 to
    1.6 or its inverse, a blur has a radius of 0.5 to 1.5 % of the short side, and a JPEG a quality
    of 10 to 40.

    Args:
        image: The picture, mode RGB.
        change: What to change.
        seed: Of the evaluation.
        sha256: The hash of the picture's file.

    Returns:
        mode RGB, at least one pixel wide and high.
    """
    key = hashlib.sha256(f"{seed}/{change}/{sha256}".encode()).digest()
    return _CHANGES[change](image, np.random.default_rng(int.from_bytes(key)).uniform)


def _inverted(draw: _Draw, low: float, high: float) -> float:
    """Return a drawn factor, or its inverse."""
    return float(draw(low, high) ** np.sign(draw(-1, 1)))


def _cropped(image: Image.Image, draw: _Draw) -> Image.Image:
    kept = [max(1, round(side * draw(0.64, 0.9))) for side in image.size]
    left, top = (
        round((side - length) * draw(0, 1)) for side, length in zip(image.size, kept, strict=True)
    )
    return image.crop((left, top, left + kept[0], top + kept[1]))


def _stretched(image: Image.Image, draw: _Draw) -> Image.Image:
    factor = _inverted(draw, 1.15, 1.4) ** 0.5
    size = max(1, round(image.width * factor)), max(1, round(image.height / factor))
    return image.resize(size, Image.Resampling.BICUBIC)


def _compressed(image: Image.Image, draw: _Draw) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=round(draw(10, 40)))
    return Image.open(file).convert("RGB")


_CHANGES: dict[Change, Callable[[Image.Image, _Draw], Image.Image]] = {
    "crop": _cropped,
    "flip": lambda image, _: ImageOps.mirror(image),
    "rotation": lambda image, draw: image.rotate(
        draw(5, 15) * np.sign(draw(-1, 1)), Image.Resampling.BICUBIC
    ),
    "aspect": _stretched,
    "brightness": lambda image, draw: ImageEnhance.Brightness(image).enhance(
        _inverted(draw, 1.25, 1.6)
    ),
    "blur": lambda image, draw: image.filter(
        ImageFilter.GaussianBlur(min(image.size) * draw(0.005, 0.015))
    ),
    "jpeg": _compressed,
}
