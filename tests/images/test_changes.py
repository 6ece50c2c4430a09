"""Changed copies follow from a seed and the picture."""

import pytest

from simx.images.changes import CHANGES, changed
from simx.images.decoding import decode
from simx.images.pictures import bundled


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_follows_from_seed_and_picture(change: str) -> None:
    """The same seed and picture give the same pixels, and not those of the picture itself."""
    (kind,) = (each for each in CHANGES if each == change)
    image = decode(bundled().anchor).resize((120, 90))
    first, again, *others = (changed(image, kind, seed, "a").tobytes() for seed in (1, 1, 2, 3, 4))

    assert first == again
    assert first != image.tobytes()
    assert (set(others) != {first}) == (change != "flip")


@pytest.mark.parametrize("change", CHANGES)
def test_the_smallest_picture_can_be_changed(change: str) -> None:
    """A picture of one pixel stays a picture."""
    (kind,) = (each for each in CHANGES if each == change)
    one = decode(bundled().anchor).resize((1, 1))

    assert min(changed(one, kind, 0, "a").size) >= 1
