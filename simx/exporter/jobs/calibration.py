"""The pictures that int8 is calibrated on: the user's, or parts of the bundled ones."""

import hashlib
import itertools
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from simx.common.errors import InputError
from simx.common.input_files import InputPath, shown
from simx.exporter.jobs.plan import Calibration
from simx.exporter.verification.pictures import is_slow_to_verify
from simx.images.decoding import FORMATS, decode
from simx.images.pictures import bundled, fingerprint, pictures_in
from simx.images.preprocessing import crop
from simx.models.backbone import Backbone, Precision

LEAST_PICTURES = 8
"""Some give the ranges, and the others show how well these fit."""

MOST_PICTURES = 128
"""Of more, as many are taken, evenly spread over the sorted names."""

_SHARES = (0.9, 0.6)
"""The part of a picture's width and height that is calibrated on."""

_FOR_A_GIANT = 4
"""Pictures: one call of a giant takes seconds."""


def calibration_of(
    folder: InputPath | None, precisions: Collection[Precision]
) -> Calibration | None:
    """Choose the pictures of a folder and its sub-folders; None without a folder.

    Raises:
        InputError: Nothing is exported in int8, the folder has too few different pictures, or one
            of those that were chosen cannot be decoded.
    """
    if folder is None:
        return None
    if "int8" not in precisions:
        raise InputError("--calibrate works only with --precision int8")
    found, _ = pictures_in(Path(folder).rglob("*"))
    count = min(len(found), MOST_PICTURES)
    chosen = [found[place * len(found) // count] for place in range(count)]
    files = {fingerprint(path)[0]: path for path in chosen if decode(path)}
    if len(files) < LEAST_PICTURES:
        raise InputError(
            f"--calibrate {shown(folder)}: has {len(files)} different pictures, and at least "
            f"{LEAST_PICTURES} are needed; simx reads {', '.join(FORMATS)}"
        )
    # Sorted by content: the same pictures under other names make the same file.
    hashes = sorted(files)
    return Calibration(
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        files=tuple(str(files[each].resolve()) for each in hashes),
    )


def calibration_pixels(
    backbone: Backbone, calibration: Calibration | None = None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the pictures that int8 is calibrated on, the same every time; few for a slow backbone.

    Yields:
        Pixels as the backbone sees them, uint8 [crop, crop, 3].
    """
    images = _parts() if calibration is None else map(decode, map(Path, calibration.files))
    most = _FOR_A_GIANT if is_slow_to_verify(backbone) else None
    for image in itertools.islice(images, most):
        yield crop(image, backbone.preset)


def _parts() -> Iterator[Image.Image]:
    """Yield parts of the bundled pictures in two sizes, some mirrored.

    They show edges and surfaces of several scales. No picture that is verified and measured is
    among them.
    """
    pictures = bundled()
    originals = [decode(path) for path in (pictures.anchor, pictures.positive, pictures.negative)]
    for share, is_below, is_right, image in itertools.product(_SHARES, (0, 1), (0, 1), originals):
        width, height = (max(1, round(share * side)) for side in image.size)
        left, top = is_right * (image.width - width), is_below * (image.height - height)
        part = image.crop((left, top, left + width, top + height))
        yield part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_right else part
