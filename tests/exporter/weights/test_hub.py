"""timm's checkpoints: their names carry no hash, so the server states it."""

import hashlib
from pathlib import Path

import msgspec
import pytest
import safetensors.torch
import torch

from simx.common.errors import InputError
from simx.exporter.weights.cache import Source, remembered_hash
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.load import load
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from tests.exporter.weights.server import Answer, serving
from tests.exporter.weights.support import BackboneOf, equal

NAME = "test_resnet.r160_in1k.safetensors"
CONTENT = bytes(range(256)) * 64
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def of_timm(backbone_of: BackboneOf) -> Backbone:
    return backbone_of("timm:test_resnet")


def at(backbone: Backbone, address: str) -> Backbone:
    """Return the backbone with its usual file at another address."""
    path = backbone.url.partition("://")[2].partition("/")[2]
    return msgspec.structs.replace(backbone, url=f"{address}/{path}")


def whole(stated: str | None = None) -> Answer:
    return Answer(body=CONTENT, announced=len(CONTENT), stated=stated)


def test_a_checkpoint_gets_the_name_of_its_weights(of_timm: Backbone, checkpoints: Path) -> None:
    """All have one name on the hub; in the cache they are told apart."""
    with serving({"model.safetensors": whole(HASH)}) as site:
        path = Downloads().fetch(at(of_timm, site.address))

    assert path == checkpoints / NAME
    assert path.read_bytes() == CONTENT
    assert site.requests == ["/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"]


def test_a_mirror_has_the_names_of_the_cache(of_timm: Backbone, checkpoints: Path) -> None:
    """A copy of the cache's folder serves as a mirror."""
    with serving({NAME: whole()}) as site:
        path = Downloads(mirror=site.address).fetch(of_timm)

    assert path == checkpoints / NAME


@pytest.mark.parametrize("redirected", [False, True])
def test_another_file_than_the_server_states_is_refused(
    of_timm: Backbone, checkpoints: Path, *, redirected: bool
) -> None:
    """The hub states the hash before it redirects to where the file lies."""
    other = hashlib.sha256(b"other").hexdigest()
    with serving({"moved": whole()}) as store:
        moved = Answer(status=302, announced=0, location=f"{store.address}/moved", stated=other)
        answer = moved if redirected else whole(other)
        with (
            serving({"model.safetensors": answer}) as hub,
            pytest.raises(InputError, match="not the one that the server states"),
        ):
            Downloads().fetch(at(of_timm, hub.address))

    assert not (checkpoints / NAME).exists()
    assert remembered_hash(NAME) is None


def test_a_file_as_stated_before_a_redirect_arrives(of_timm: Backbone, checkpoints: Path) -> None:
    """A right file is no less welcome from another server."""
    with serving({"moved": whole()}) as store:
        moved = Answer(status=302, announced=0, location=f"{store.address}/moved", stated=HASH)
        with serving({"model.safetensors": moved}) as hub:
            path = Downloads().fetch(at(of_timm, hub.address))

    assert path == checkpoints / NAME


def test_the_hash_is_remembered(of_timm: Backbone, checkpoints: Path) -> None:
    """A file that is another one the second time is refused, even if the server states its hash."""
    with serving({"model.safetensors": whole()}) as site:
        path = Downloads().fetch(at(of_timm, site.address))
    assert path.parent == checkpoints
    path.unlink()
    other = CONTENT[::-1]
    stated = hashlib.sha256(other).hexdigest()
    answer = Answer(body=other, announced=len(other), stated=stated)
    with (
        serving({"model.safetensors": answer}) as site,
        pytest.raises(InputError, match=f"not {HASH} as remembered"),
    ):
        Downloads().fetch(at(of_timm, site.address))


@pytest.mark.usefixtures("checkpoints")
def test_nothing_is_downloaded_unless_requested(of_timm: Backbone) -> None:
    """Without a checkpoint in the cache, ``auto`` gives random weights."""
    with serving({}) as site:
        source = locate(at(of_timm, site.address), WeightsRequest("auto"))

    assert source == Source("random")
    assert not site.requests


def test_a_checkpoint_becomes_the_weights(of_timm: Backbone, checkpoints: Path) -> None:
    """A pretrained file is downloaded, read as safetensors, and has every value of the network."""
    pytest.importorskip("timm", reason="timm is an extra")
    from simx.exporter.weights.initialised import random_state  # noqa: PLC0415

    state = random_state(of_timm, seed=3)
    content = safetensors.torch.save(state)
    answer = Answer(body=content, announced=len(content))
    with serving({"model.safetensors": answer}) as site:
        source = locate(at(of_timm, site.address), WeightsRequest("pretrained"))

    found, _ = load(of_timm, "pooled", source)

    assert source.origin == "pretrained"
    assert source.path == str(checkpoints / NAME)
    assert equal(found, dict(state))


@pytest.mark.parametrize("form", ["plain", "wrapped"])
def test_a_file_of_ones_own_fits(of_timm: Backbone, tmp_path: Path, form: str) -> None:
    """A fine-tuned checkpoint with another head and a prefix is read as for torchvision."""
    pytest.importorskip("timm", reason="timm is an extra")
    from simx.exporter.weights.initialised import random_state  # noqa: PLC0415

    state = random_state(of_timm, seed=4)
    saved = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    saved["fc.weight"] = torch.zeros(7, 96)
    if form == "wrapped":
        saved = {f"module.{name}": tensor for name, tensor in saved.items()}
    path = tmp_path / "mine.pth"
    torch.save({"state_dict": saved}, path)

    found, reading = load(of_timm, "pooled", locate(of_timm, WeightsRequest("file", path)))

    assert reading.container == "state_dict"
    assert reading.prefix == ("module." if form == "wrapped" else "")
    body = {name for name in state if not name.startswith("fc.")}
    assert all(torch.equal(found[name], state[name]) for name in body)
