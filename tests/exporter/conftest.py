"""What the tests of weights share: small backbones, torch's cache in a folder of the test's own."""

from pathlib import Path

import pytest

from simx.models import catalogue
from simx.models.backbone import Backbone
from tests.exporter.weights.support import BackboneOf, PutCheckpoint, renamed_for


@pytest.fixture
def backbone_of() -> BackboneOf:
    """Look a model's default entry up by name."""
    entries = {entry.model: entry for entry in catalogue.load() if entry.default}
    return entries.__getitem__


@pytest.fixture
def small(backbone_of: BackboneOf) -> Backbone:
    return backbone_of("squeezenet1_1")


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point torch's cache at an empty folder; returns where its checkpoints would lie.

    The hashes that are remembered of them have a folder of the test's own, too.
    """
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def put_checkpoint(checkpoints: Path) -> PutCheckpoint:
    """Lay a checkpoint into torch's cache and return the backbone whose checkpoint it is."""

    def put(backbone: Backbone, content: bytes) -> Backbone:
        named = renamed_for(backbone, content)
        checkpoints.mkdir(parents=True, exist_ok=True)
        (checkpoints / named.url.rpartition("/")[2]).write_bytes(content)
        return named

    return put
