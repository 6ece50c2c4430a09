"""Pixels of any kind Pillow decodes -> opaque 8-bit RGB, as a person sees the picture.

Pillow's ``convert("RGB")`` drops transparency and clips 16-bit grey to near white, so both are
handled here. Colour profiles are not applied, as in torchvision. Knows nothing of files.
"""

import math

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    TiffImageFile,
)

from simx.images.tiff import UNSIGNED, WHITE_IS_ZERO


def as_seen(image: Image.Image) -> Image.Image:
    """Return the picture as opaque RGB; an opaque RGB image is returned itself.

    Transparency is composited over white, in the stored (gamma-encoded) values as browsers do. A
    BMP that is transparent everywhere is opaque, as browsers have it: many programs leave its
    fourth byte unset. Grey with more than 8 bits is scaled to 0..255: white is 65535 for integers
    (or what an unsigned TIFF's bit depth says) and 1.0 for floats. If values lie outside that
    range, the picture's own darkest and lightest values are black and white.

    Args:
        image: a decoded image of any mode.

    Raises:
        ValueError: grey values that are not finite, or a mode that Pillow cannot convert.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    has_alpha = image.has_transparency_data
    if not has_alpha or (isinstance(image, BmpImageFile) and not image.getchannel("A").getbbox()):
        return image.convert("RGB")
    if image.mode == "La":  # Pillow converts this mode to LA and to nothing else
        image = image.convert("LA")
    background = Image.new("RGBA", image.size, "white")
    background.alpha_composite(image.convert("RGBA"))
    return background.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)
    if image.mode == "I" and _is_unsigned_tiff(image):
        levels = levels.view(np.uint32)
    black, white = _black_and_white(image, float(levels.min()), float(levels.max()))
    scale = 255 / (white - black) if white != black else 0.0
    greys = levels.astype(np.float64)
    greys -= black
    greys *= scale
    greys += 0.5  # so that cutting the fraction off rounds
    grey = Image.fromarray(greys.astype(np.uint8))
    if "transparency" not in image.info:
        return grey
    alpha = np.where(levels == image.info["transparency"], 0, 255).astype(np.uint8)
    return Image.merge("LA", (grey, Image.fromarray(alpha)))


def _black_and_white(image: Image.Image, lowest: float, highest: float) -> tuple[float, float]:
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ValueError("its grey values are not all finite")
    white = 1.0 if image.mode == "F" else 65535.0
    inverted = False
    if isinstance(image, TiffImageFile):
        inverted = image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO
        if _is_unsigned_tiff(image):
            white = 2.0 ** image.tag_v2[BITSPERSAMPLE][0] - 1
    ends = (0.0, white) if lowest >= 0 and highest <= white else (lowest, highest)
    return ends[::-1] if inverted else ends


def _is_unsigned_tiff(image: Image.Image) -> bool:
    unstated = (UNSIGNED,)
    return isinstance(image, TiffImageFile) and image.tag_v2.get(SAMPLEFORMAT, unstated) == unstated
