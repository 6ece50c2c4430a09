import subprocess
import sys
from pathlib import Path

import pytest
import torch.hub

from simx.exporter.weights.cache import (
    checkpoint_path,
    checkpoints_folder,
    hash_prefix,
    pretrained_cached,
)
from simx.models import catalogue
from simx.models.backbone import Backbone
from simx.models.selection import Selection, select
from tests.exporter.weights.support import PutCheckpoint


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"TORCH_HOME": "/somewhere/torch"},
        {"TORCH_HOME": "~/torch", "XDG_CACHE_HOME": "/cache"},
        {"TORCH_HOME": "~no-such-user/torch"},
        {"XDG_CACHE_HOME": "/cache"},
        {"XDG_CACHE_HOME": "~/cache"},
    ],
)
def test_cache_is_where_torch_has_it(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under every setting of its variables torch and simx look into the same folder."""
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert checkpoints_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_every_checkpoint_can_be_verified() -> None:
    """Each of torchvision's entries has a checkpoint whose name carries its hash."""
    prefixes = {hash_prefix(checkpoint_path(entry).name) for entry in catalogue.of_torchvision()}

    assert len(prefixes) == len({entry.url for entry in catalogue.of_torchvision()})


def test_each_set_of_weights_has_a_name_and_a_checkpoint_of_its_own() -> None:
    """All 115 are reached as model:weights, and no two of them share a file of the cache."""
    entries = catalogue.of_torchvision()
    reached = [
        select(Selection(names=(f"{entry.model}:{entry.weights}",)), entries) for entry in entries
    ]

    assert reached == [(entry,) for entry in entries]
    assert len({checkpoint_path(entry) for entry in entries}) == len(entries) == 115


@pytest.mark.parametrize("name", ["resnet18.pth", "resnet18-f370.pth", "resnet18-f37072fd"])
def test_a_name_without_hash_is_no_checkpoint(name: str) -> None:
    """Nothing is ever loaded that could not be verified."""
    with pytest.raises(ValueError, match="carries no hash"):
        hash_prefix(name)


def test_absent_checkpoint_is_none(small: Backbone, checkpoints: Path) -> None:
    """An empty, even an absent cache holds no checkpoint."""
    assert not checkpoints.exists()
    assert pretrained_cached(small) is None


def test_present_checkpoint_is_found(small: Backbone, put_checkpoint: PutCheckpoint) -> None:
    """A checkpoint in torch's cache is found under the file name of its address."""
    named = put_checkpoint(small, b"content")

    assert pretrained_cached(named) == checkpoint_path(named)


def test_planning_needs_no_torch() -> None:
    """A parent process can parse, look into the cache and download without importing torch."""
    program = (
        "import sys, simx.exporter.weights.locate; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'onnxruntime')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
