"""The pictures that int8 is calibrated on: parts of the bundled ones, and none that is verified.

An int8 tensor has 256 values for the range that was seen in calibration. Parts of several sizes,
some of them mirrored, show a network edges and surfaces of several scales; the pictures as they are
verified and measured are not among them. Needs neither onnx nor onnxruntime.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from simx.exporter.verification.reference import is_slow_to_verify
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import crop
from simx.models.backbone import Backbone

SHARES = (0.9, 0.6)
"""Of a picture's width and height that a part has."""

_CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))

_OF_A_GIANT = 4
"""The number of its parts; its calls take seconds."""


def calibration_pixels(backbone: Backbone) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield pictures as a backbone sees them, uint8 [crop, crop, 3]: the same every time."""
    pictures = bundled()
    originals = [decode(path) for path in (pictures.anchor, pictures.positive, pictures.negative)]
    parts = [
        _part(image, share, corner)
        for share in SHARES
        for corner in _CORNERS
        for image in originals
    ]
    if is_slow_to_verify(backbone):
        parts = parts[:_OF_A_GIANT]
    for part in parts:
        yield crop(part, backbone.preset)


def _part(image: Image.Image, share: float, corner: tuple[int, int]) -> Image.Image:
    """Cut a part out of a corner; those on the right are mirrored."""
    width, height = (max(1, round(share * side)) for side in image.size)
    on_the_right, below = corner
    left, top = on_the_right * (image.width - width), below * (image.height - height)
    part = image.crop((left, top, left + width, top + height))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if on_the_right else part
