"""A labelled folder: each class is a part of a bundled picture, in seeded changes."""

from pathlib import Path

from simx.images.changes import CHANGES, changed
from simx.images.decoding import decode
from simx.images.pictures import bundled

PARTS = 2
"""Rows and columns that a bundled picture is cut into."""


def labelled_folder(folder: Path, copies: int = 6, seed: int = 1) -> Path:
    """Make a folder with a sub-folder for each class, and return it.

    The pictures are PNGs of at most 160 pixels, each a change of a change of its class's part.
    """
    pictures = bundled()
    for name in ("anchor", "positive", "negative"):
        image = decode(getattr(pictures, name))
        width, height = image.width // PARTS, image.height // PARTS
        for number in range(PARTS**2):
            left, top = number % PARTS * width, number // PARTS * height
            part = image.crop((left, top, left + width, top + height))
            place = folder / f"{name} {number}"
            place.mkdir(parents=True)
            for copy in range(copies):
                first, second = CHANGES[copy % len(CHANGES)], CHANGES[(copy + 3) % len(CHANGES)]
                made = changed(part, first, seed + copy, place.name)
                made = changed(made, second, seed + copy, place.name)
                made.thumbnail((160, 160))
                made.save(place / f"{copy}.png")
    return folder
