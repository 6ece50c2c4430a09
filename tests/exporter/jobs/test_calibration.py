"""The pictures that int8 is calibrated on."""

import itertools

import numpy as np

from simx.exporter.jobs.calibration import calibration_pixels
from simx.exporter.verification.reference import verification_pixels
from simx.models.catalogue import load

SQUEEZENET = next(backbone for backbone in load() if backbone.name == "squeezenet1_1")
GIANT = next(backbone for backbone in load() if backbone.name == "vit_h_14")


def test_none_of_them_is_verified() -> None:
    """They differ from each other and from the pictures that the export is verified with."""
    pictures = list(calibration_pixels(SQUEEZENET))
    verified = list(verification_pixels(SQUEEZENET))

    assert len(pictures) == 24
    assert all(each.shape == (224, 224, 3) for each in pictures)
    assert not any(
        np.array_equal(one, other)
        for one, other in itertools.combinations([*pictures, *verified[:3]], 2)
    )


def test_they_are_the_same_every_time() -> None:
    """A file that is made again is the same file."""
    pairs = zip(calibration_pixels(SQUEEZENET), calibration_pixels(SQUEEZENET), strict=True)

    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_giant_has_few() -> None:
    """Each of them takes seconds or more."""
    assert sum(1 for _ in calibration_pixels(GIANT)) == 4
