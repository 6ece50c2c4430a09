"""Chooses the pictures of a measurement: the bundled ones, or the user's own in their places.

Every picture is decoded when it is chosen, so that a bad one is refused before any measurement.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import InputPath, shown
from simx.images.decoding import FORMATS, decode
from simx.images.files import opened_picture
from simx.images.preprocessing import check_resizable
from simx.models.backbone import Preset
from simx.models.pictures import IMAGES, Picture, PictureSet

RESIZED_JPEG_QUALITY = 75
"""libjpeg's default. Bytes per pixel, and so the decoding cost, are about those of the bundled
picture."""


def bundled() -> PictureSet:
    """Return the pictures that come with simx; ``bundled/PROVENANCE.md`` says where from."""
    folder = Path(__file__).parent / "bundled"
    return PictureSet(**{name: folder / f"{name}.jpg" for name in IMAGES})


def chosen(
    *,
    anchor: InputPath | None = None,
    positive: InputPath | None = None,
    negative: InputPath | None = None,
    workdir: Path,
) -> PictureSet:
    """Return the user's pictures, and the bundled one for each that is None.

    If the anchor or the negative is the user's own, the resized negative is made from the negative,
    at exactly the size of the upright anchor.

    Args:
        anchor: the user's anchor, or None.
        positive: the user's positive, or None.
        negative: the user's negative, or None.
        workdir: a folder for the resized negative; created if needed.

    Returns:
        Files that have all been decoded once.

    Raises:
        InputError: one of the user's pictures cannot be used.
        SystemFailureError: a bundled picture is damaged, or ``workdir`` cannot be written.
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


def pictures_in(paths: Iterable[Path]) -> tuple[tuple[Path, ...], int]:
    """Return the files that are pictures by their names, sorted, and how many are not.

    Folders, and files whose names begin with a dot, are neither.
    """
    suffixes = {suffix for suffix, form in Image.registered_extensions().items() if form in FORMATS}
    files = [each for each in paths if not each.name.startswith(".") and not each.is_dir()]
    pictures = tuple(sorted(each for each in files if each.suffix.lower() in suffixes))
    return pictures, len(files) - len(pictures)


def describe(path: InputPath) -> Picture:
    """Return what identifies a picture.

    Raises:
        InputError: the picture cannot be used.
    """
    width, height = decode(path).size
    sha256, length = fingerprint(path)
    return Picture(
        sha256=sha256,
        width=width,
        height=height,
        bytes=length,
        bundled=any(fingerprint(ours)[0] == sha256 for _, ours in bundled().files()),
    )


def check_presets(pictures: PictureSet, presets: Iterable[Preset]) -> None:
    """Refuse, before any measurement, a picture that is too large for one of the presets.

    Raises:
        InputError: a preset's resize would make a picture larger than the limit.
    """
    distinct = tuple(presets)
    for _, path in pictures.files():
        size = decode(path).size
        for preset in distinct:
            check_resizable(shown(path), size, preset)


def fingerprint(path: InputPath) -> tuple[str, int]:
    """Return the SHA-256 of a file's content, in hexadecimal, and its length in bytes."""
    with opened_picture(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _decoded(given: InputPath | None, ours: Path) -> tuple[Path, Image.Image]:
    if given is not None:
        return Path(given), decode(given)
    try:
        return ours, decode(ours)
    except InputError as error:
        raise SystemFailureError(
            f"a picture that comes with simx cannot be used ({error}); reinstall simx-bench"
        ) from error


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to exactly ``size``, along the axis first that needs less memory in between.

    Pillow 11 resizes the width first, which can take fifty times the pixels of either picture.
    """
    width, height = size
    if width * image.height > image.width * height:
        image = image.resize((image.width, height), Image.Resampling.BICUBIC)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _save(image: Image.Image, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, "JPEG", quality=RESIZED_JPEG_QUALITY)
    except OSError as error:
        raise SystemFailureError(
            f"the resized negative picture cannot be written to {shown(path)} "
            f"({error.strerror or error}); free the space or choose another folder"
        ) from error
