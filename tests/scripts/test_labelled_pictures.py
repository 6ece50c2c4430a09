"""Figures of a labelled folder, beside an independent computation from the same embeddings."""

from pathlib import Path

import pytest

from benchmarks.labelled_pictures import CHANGES, NETWORKS, differences, labelled
from simx.images.pictures import bundled
from simx.results.schema.evaluation import EvaluatedCell


@pytest.mark.slow
def test_trained_networks_are_told_from_random_ones(tmp_path: Path) -> None:
    """All figures equal the independent ones, and training improves those of both networks."""
    files = [path for name, path in bundled().files() if name != "negative_resized"]
    # Places are not changed: parts of these pictures overlap little and are few.
    made = labelled(files, tmp_path / "pictures", CHANGES[2:])
    found = differences(made, tmp_path, NETWORKS)
    first, second, *untrained = (each for each in found.cells if isinstance(each, EvaluatedCell))

    assert found.pictures.classes == 12
    for trained, random in zip((first, second), untrained, strict=True):
        assert trained.identity == random.identity
        assert (trained.weights_origin, random.weights_origin) == ("file", "random")
        assert trained.separation.roc_auc.low is not None
        assert random.separation.roc_auc.high is not None
        assert trained.separation.roc_auc.low > random.separation.roc_auc.high
