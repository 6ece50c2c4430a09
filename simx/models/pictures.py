"""The pictures of a measurement: their names, files and identities. ``images`` reads the files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simx.common.bounded import Positive, Text
from simx.common.strict_json import Struct

Image = Literal["anchor", "positive", "negative", "negative_resized"]
"""A picture's name, as it stands in reports."""

IMAGES: tuple[Image, ...] = ("anchor", "positive", "negative", "negative_resized")
"""All pictures, in the order of every table."""

COMPARED_IMAGES: tuple[Image, ...] = ("positive", "negative", "negative_resized")
"""Those that the anchor is compared with."""

Change = Literal["crop", "flip", "rotation", "aspect", "brightness", "blur", "jpeg"]
"""How a copy of a picture differs from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSet:
    """The files of one comparison: the anchor, and the pictures that it is compared with."""

    anchor: Path
    positive: Path
    negative: Path
    negative_resized: Path

    def files(self) -> tuple[tuple[Image, Path], ...]:
        """Return every picture's name and file, in the order of the tables."""
        return tuple((name, getattr(self, name)) for name in IMAGES)


class Picture(Struct, frozen=True, kw_only=True):
    """One picture that was measured with, identified by its content.

    ``sha256`` and ``bytes`` are the file's hash and length; ``width`` and ``height`` are pixels of
    the upright picture. ``bundled`` is true if the content is that of a picture of simx's own.
    """

    sha256: Text
    width: Positive
    height: Positive
    bytes: Positive
    bundled: bool
