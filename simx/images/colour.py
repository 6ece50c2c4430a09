"""Pixels of any kind Pillow decodes -> opaque 8-bit RGB, as a person sees the picture.

Pillow's own ``convert("RGB")`` drops transparency and clips 16-bit grey to near white; this module
composites the first over white and scales the second. Everything else is Pillow's conversion.
Colour profiles are not applied, as torchvision does not apply them either. Knows nothing of files.
"""

import math

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

_WHITE_IS_ZERO = 0
"""TIFF 6.0, PhotometricInterpretation: black and white change places."""


def as_seen(image: Image.Image) -> Image.Image:
    """Return the picture as opaque RGB; an image that is that already is returned itself.

    Transparency is composited over white, in the stored (gamma-encoded) values as browsers do. Grey
    with more than 8 bits is scaled to 0..255: for integers white is 65535 (or what a TIFF's bit
    depth says), for floats it is 1.0; values outside that range have no agreed meaning, and the
    picture's own darkest and lightest value are taken for black and white.

    Args:
        image: A decoded image of any mode.

    Returns:
        The picture, mode RGB.

    Raises:
        ValueError: Grey values that are not finite, or a mode Pillow cannot convert.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    return _over_white(image) if image.has_transparency_data else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """Composite over white; an alpha channel may be premultiplied or stand in a palette."""
    if image.mode == "La":  # Pillow converts this mode to LA and to nothing else
        image = image.convert("LA")
    background = Image.new("RGBA", image.size, "white")
    background.alpha_composite(image.convert("RGBA"))
    return background.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 12, 16 or 32 bits to mode L, or to LA where one value is transparent."""
    levels = np.asarray(image)
    black, white = _black_and_white(image, float(levels.min()), float(levels.max()))
    scale = 255 / (white - black) if white != black else 0.0
    offset = 0.5 - black * scale  # converting to L truncates; the half makes it round
    wide = image if image.mode == "F" else image.convert("I")
    grey = wide.point(lambda value: value * scale + offset).convert("L")
    if "transparency" not in image.info:
        return grey
    alpha = np.where(levels == image.info["transparency"], 0, 255).astype(np.uint8)
    return Image.merge("LA", (grey, Image.fromarray(alpha)))


def _black_and_white(image: Image.Image, lowest: float, highest: float) -> tuple[float, float]:
    """Return the values that black and white have in a grey image with more than 8 bits."""
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ValueError("its grey values are not all finite")
    white = 1.0 if image.mode == "F" else 65535.0
    inverted = False
    if isinstance(image, TiffImageFile):
        inverted = image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
        if image.mode.startswith("I;16"):
            white = 2.0 ** image.tag_v2[BITSPERSAMPLE][0] - 1
    ends = (0.0, white) if lowest >= 0 and highest <= white else (lowest, highest)
    return ends[::-1] if inverted else ends
