"""Pairs of pictures to look at: which are chosen, and what is left of a picture."""

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from simx.evaluation.decoding import Decoders
from simx.evaluation.examples import MOST_PAIRS, SIDE, chosen_pairs, small_pictures
from simx.images.pictures import fingerprint
from simx.models.catalogue import load
from simx.results.summaries.evaluated import PairKind
from simx.runner.measure.picture_messages import Item

PRESET = load()[0].preset


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("false positive", [1, 2]),
        ("false negative", [5, 4]),
        ("borderline", [4, 2, 1, 6, 3, 5]),
        ("best", [3]),
    ],
)
def test_pairs_are_chosen_by_what_they_show(kind: PairKind, expected: list[int]) -> None:
    """The most telling first; two files of the same content are no example of anything."""
    cosines = np.array([1.0, 0.7, 0.55, 0.9, 0.46, 0.1, 0.2])
    same = np.array([True, False, False, True, True, True, False])
    differ = np.array([False, True, True, True, True, True, True])

    found = chosen_pairs(cosines, same, differ, 0.5)

    assert found[kind].tolist() == expected


def test_there_are_a_few_of_each_kind_at_most() -> None:
    """However many pairs there are."""
    cosines = np.linspace(-1, 1, 1001)
    same = np.arange(1001) % 2 == 0

    found = chosen_pairs(cosines, same, np.ones(1001, np.bool_), 0.0)

    assert [len(places) for places in found.values()] == [MOST_PAIRS] * 4


def test_a_picture_is_small_and_has_no_metadata(tmp_path: Path) -> None:
    """It is encoded anew from the crop; one that cannot be read any more is None."""
    path = tmp_path / "picture.jpg"
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    Image.new("RGB", (900, 400), "green").save(path, exif=exif, comment=b"another secret")
    item = Item(str(path), fingerprint(path)[0], None, 0)
    lost = msgspec.structs.replace(item, path=str(tmp_path / "lost.jpg"))

    with Decoders(1) as decoders:
        found, missing = small_pictures(decoders, [item, lost], PRESET)

    assert found is not None
    assert missing is None
    assert b"secret" not in found
    with Image.open(io.BytesIO(found)) as image:
        assert (image.format, image.size) == ("JPEG", (SIDE, SIDE))
        assert not image.getexif()
        assert "comment" not in image.info
