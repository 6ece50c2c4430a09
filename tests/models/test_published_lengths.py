"""Every length of an embedding in the tables that simx began with is that of a definition here.

Whoever made the tables cut off the last child of a network. Where the network pools by a module,
that left a pooled embedding; where it pools within ``forward`` or its classifier, a whole map.
"""

import csv
from pathlib import Path
from typing import get_args

import pytest

from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import load

TABLES = Path(__file__).resolve().parents[2] / "examples" / "origin_tables.csv"

UNPOOLED = {
    "densenet121": 1024 * 7 * 7,
    "densenet161": 2208 * 7 * 7,
    "densenet169": 1664 * 7 * 7,
    "densenet201": 1920 * 7 * 7,
    "mnasnet0_5": 1280 * 7 * 7,
    "mnasnet0_75": 1280 * 7 * 7,
    "mnasnet1_0": 1280 * 7 * 7,
    "mnasnet1_3": 1280 * 7 * 7,
    "mobilenet_v2": 1280 * 7 * 7,
    "shufflenet_v2_x0_5": 1024 * 7 * 7,
    "shufflenet_v2_x1_0": 1024 * 7 * 7,
    "shufflenet_v2_x1_5": 1024 * 7 * 7,
    "shufflenet_v2_x2_0": 2048 * 7 * 7,
    "squeezenet1_0": 512 * 13 * 13,
    "squeezenet1_1": 512 * 13 * 13,
}
"""Last maps, channels by height by width, of networks whose pooling is not a child of its own."""

POOLED_TO_THE_MAP_ITSELF = {"alexnet": 256 * 6 * 6, "vgg11_bn": 512 * 7 * 7, "vgg16": 512 * 7 * 7}
"""Their pooling gives a map of the size that it got: pooled and flat are one vector."""

PUBLISHED = {
    (row["model"], row["weights"]): int(row["embedding_dim"])
    for row in csv.DictReader(TABLES.read_text(encoding="utf-8").splitlines())
}
OTHERS = [key for key in PUBLISHED if key[0] not in UNPOOLED.keys() | POOLED_TO_THE_MAP_ITSELF]


def kinds(key: tuple[str, str]) -> set[EmbeddingKind]:
    """Return the definitions that give a published length."""
    backbones: dict[tuple[str, str], Backbone] = {(b.model, b.weights): b for b in load()}
    dims = backbones[key].embedding_dims
    return {kind for kind in get_args(EmbeddingKind) if dims.of(kind) == PUBLISHED[key]}


def test_every_published_length_is_in_one_of_three_groups() -> None:
    """None is left unexplained, and there are no exceptions."""
    models = {model for model, _ in PUBLISHED}

    assert len(PUBLISHED) == 49
    assert models >= UNPOOLED.keys() | POOLED_TO_THE_MAP_ITSELF.keys()
    assert len(UNPOOLED) + len(POOLED_TO_THE_MAP_ITSELF) + len(OTHERS) == 49


@pytest.mark.parametrize(("model", "length"), UNPOOLED.items())
def test_unpooled_maps_are_flat_ones(model: str, length: int) -> None:
    """And no other definition gives their length."""
    (key,) = (key for key in PUBLISHED if key[0] == model)

    assert PUBLISHED[key] == length
    assert kinds(key) == {"flat"}


@pytest.mark.parametrize(("model", "length"), POOLED_TO_THE_MAP_ITSELF.items())
def test_maps_that_pooling_leaves_as_they_are_are_both(model: str, length: int) -> None:
    """Flat meets them, too."""
    (key,) = (key for key in PUBLISHED if key[0] == model)

    assert PUBLISHED[key] == length
    assert kinds(key) == {"pooled", "flat"}


@pytest.mark.parametrize("key", OTHERS, ids=":".join)
def test_all_others_are_pooled_ones(key: tuple[str, str]) -> None:
    """Where there is a hidden layer behind the pooling, they are not its output."""
    hidden = key[0].startswith("mobilenet_v3")

    assert kinds(key) == ({"pooled"} if hidden else {"pooled", "penultimate"})
