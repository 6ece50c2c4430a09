"""Choose the pictures of a measurement: the bundled ones, or the user's own in their places.

Every picture is decoded once when it is chosen, so that a bad one is refused at the start and not
in the middle of a measurement.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import InputPath, shown
from simx.images.decoding import decode
from simx.images.files import opened_picture
from simx.images.preprocessing import check_resizable
from simx.models.backbone import Preset
from simx.models.pictures import Picture, PictureSet

RESIZED_JPEG_QUALITY = 75
"""libjpeg's default. Bytes per pixel, and so the decoding cost, are about those of the bundled
picture."""


def bundled() -> PictureSet:
    """Return the pictures that come with simx; ``bundled/PROVENANCE.md`` says where from."""
    folder = Path(__file__).parent / "bundled"
    return PictureSet(
        anchor=folder / "anchor.jpg",
        positive=folder / "positive.jpg",
        negative=folder / "negative.jpg",
        negative_resized=folder / "negative_resized.jpg",
    )


def chosen(
    *,
    anchor: InputPath | None = None,
    positive: InputPath | None = None,
    negative: InputPath | None = None,
    workdir: Path,
) -> PictureSet:
    """Return the user's pictures, and the bundled one for each that is None.

    The resized negative depends on the anchor and the negative: if either is the user's own, it is
    made from the negative, at exactly the size of the upright anchor.

    Args:
        anchor: The user's anchor, or None.
        positive: The user's positive, or None.
        negative: The user's negative, or None.
        workdir: A folder for the resized negative; made where needed.

    Returns:
        Files that have all been decoded once.

    Raises:
        InputError: One of the user's pictures cannot be used.
        SystemFailureError: A bundled picture is damaged, or ``workdir`` cannot be written.
    """
    ours = bundled()
    anchor_path, anchor_image = _decoded(anchor, ours.anchor)
    positive_path, _ = _decoded(positive, ours.positive)
    negative_path, negative_image = _decoded(negative, ours.negative)
    if anchor is None and negative is None:
        resized_path, _ = _decoded(None, ours.negative_resized)
    else:
        resized_path = workdir / "negative_resized.jpg"
        _save(_resized(negative_image, anchor_image.size), resized_path)
    return PictureSet(
        anchor=anchor_path,
        positive=positive_path,
        negative=negative_path,
        negative_resized=resized_path,
    )


def describe(path: InputPath) -> Picture:
    """Return what identifies a picture.

    Args:
        path: The picture's file.

    Returns:
        Its facts; width and height are those of the upright picture.

    Raises:
        InputError: The picture cannot be used.
    """
    width, height = decode(path).size
    sha256, length = _fingerprint(path)
    return Picture(
        sha256=sha256,
        width=width,
        height=height,
        bytes=length,
        bundled=any(_fingerprint(ours)[0] == sha256 for _, ours in bundled().files()),
    )


def check_presets(pictures: PictureSet, presets: Iterable[Preset]) -> None:
    """Refuse, before anything is measured, a picture that one of the presets cannot take.

    Args:
        pictures: The files.
        presets: The presets of all backbones to be measured.

    Raises:
        InputError: A preset's resize would make a picture larger than the limit.
    """
    distinct = tuple(presets)
    for _, path in pictures.files():
        size = decode(path).size
        for preset in distinct:
            check_resizable(shown(path), size, preset)


def _fingerprint(path: InputPath) -> tuple[str, int]:
    """Return the SHA-256 of a file's content, in hexadecimal, and its length in bytes."""
    with opened_picture(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _decoded(given: InputPath | None, ours: Path) -> tuple[Path, Image.Image]:
    """Decode the user's picture, or the bundled one in its place."""
    if given is not None:
        return Path(given), decode(given)
    try:
        return ours, decode(ours)
    except InputError as error:
        raise SystemFailureError(
            f"a picture that comes with simx cannot be used ({error}); reinstall simx-bench"
        ) from error


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to exactly ``size``, along that axis first which needs less memory in between.

    Pillow 11 always resizes the width first. From a very tall to a very wide picture that would
    take up to fifty times the pixels of either.
    """
    width, height = size
    if width * image.height > image.width * height:
        image = image.resize((image.width, height), Image.Resampling.BICUBIC)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _save(image: Image.Image, path: Path) -> None:
    """Write a JPEG."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, "JPEG", quality=RESIZED_JPEG_QUALITY)
    except OSError as error:
        raise SystemFailureError(
            f"the resized negative picture cannot be written to {shown(path)} "
            f"({error.strerror or error}); free the space or choose another folder"
        ) from error
