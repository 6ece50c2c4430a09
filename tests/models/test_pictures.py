"""The names of the pictures of a measurement."""

from typing import get_args

from simx.images.pictures import bundled
from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image


def test_all_names_are_in_the_order_of_the_tables() -> None:
    """The anchor comes first, and then the pictures that it is compared with."""
    assert get_args(Image) == IMAGES == ("anchor", *COMPARED_IMAGES)


def test_every_file_of_a_set_has_its_name() -> None:
    """Files are listed under the names of reports, in their order."""
    assert tuple(name for name, _ in bundled().files()) == IMAGES
    assert tuple(path.stem for _, path in bundled().files()) == IMAGES
