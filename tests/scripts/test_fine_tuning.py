"""A network that is trained here, as three frameworks save it."""

from pathlib import Path

import pytest

from benchmarks.fine_tuning import judged


@pytest.mark.slow
def test_all_files_of_a_trained_network_are_judged_alike(tmp_path: Path) -> None:
    """Their figures are equal, and better than those of random weights by more than chance."""
    *files, untrained = judged(tmp_path, steps=60)
    first = files[0]

    assert [each.weights_file for each in files] == ["parallel", "lightning", "torchvision"]
    assert untrained.weights_origin == "random"
    assert len({each.weights_sha256 for each in files}) == 1
    assert all(each.retrieval == first.retrieval for each in files)
    assert all(each.separation == first.separation for each in files)
    assert first.separation.roc_auc.low is not None
    assert untrained.separation.roc_auc.high is not None
    assert first.separation.roc_auc.low > untrained.separation.roc_auc.high
    assert untrained.behind.low is not None
    assert untrained.behind.low > 0
