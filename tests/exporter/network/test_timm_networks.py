"""timm's networks: the embedding is what timm itself calls so, at any batch."""

from typing import Any

import pytest
import torch

from simx.exporter.network.architecture import build, build_empty
from simx.exporter.network.heads import remove_head
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.state import fill
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import load
from simx.models.selection import Selection, select

timm = pytest.importorskip("timm", reason="timm is an extra: pip install 'simx-bench[timm]'")

TINY = ("timm:test_resnet", "timm:vit_tiny_patch16_224", "timm:test_efficientnet")


def backbone_of(name: str) -> Backbone:
    (backbone,) = select(Selection(names=(name,)), load())
    return backbone


def headless(backbone: Backbone, state: Any, embedding: EmbeddingKind) -> Any:
    model = build_empty(backbone)
    fill(model, state)
    return remove_head(model, embedding).eval()


@pytest.mark.parametrize("name", TINY)
def test_the_embedding_is_that_of_timm(name: str) -> None:
    """Both ways in which timm gives an embedding agree with ours, for either of two kinds."""
    backbone = backbone_of(name)
    state = random_state(backbone)
    images = torch.randn(2, 3, backbone.preset.crop, backbone.preset.crop)
    own = timm.create_model(
        f"{name.removeprefix('timm:')}.{backbone.weights}", pretrained=False, num_classes=0
    ).eval()
    own.load_state_dict({key: state[key] for key in own.state_dict()})
    classifier = build(backbone)
    fill(classifier, state)
    with torch.inference_mode():
        expected: Any = own(images)
        features = classifier.forward_features(images)  # type: ignore[operator]
        before_logits = classifier.forward_head(features, pre_logits=True)  # type: ignore[operator]
        flat = headless(backbone, state, "flat")(images)
        for kind in ("pooled", "penultimate"):
            found = headless(backbone, state, kind)(images)

            torch.testing.assert_close(found, expected)
            torch.testing.assert_close(found, before_logits)

    torch.testing.assert_close(flat, features.flatten(1))
    assert expected.shape[1] == backbone.embedding_dims.pooled
    assert flat.shape[1] == backbone.embedding_dims.flat


@pytest.mark.parametrize("name", TINY)
def test_an_empty_network_has_all_but_the_weights(name: str) -> None:
    """Tables that no state dict has are computed, so that a filled copy gives equal embeddings."""
    backbone = backbone_of(name)
    original = build(backbone)
    images = torch.randn(2, 3, backbone.preset.crop, backbone.preset.crop)

    copy = build_empty(backbone)
    fill(copy, original.state_dict())

    assert not any(tensor.is_meta for tensor in (*copy.parameters(), *copy.buffers()))
    with torch.inference_mode():
        assert torch.equal(copy(images), original(images))


@pytest.mark.parametrize("name", TINY)
def test_random_weights_are_repeated(name: str) -> None:
    """One seed gives one set of weights, another gives another."""
    backbone = backbone_of(name)
    first, again, other = (random_state(backbone, seed) for seed in (0, 0, 1))

    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_no_branch_is_hidden_by_its_factor() -> None:
    """Residual branches count in full, so that an error in one shows in the embedding."""
    state = random_state(backbone_of("timm:test_convnext"))
    factors = [tensor for name, tensor in state.items() if name.endswith(".gamma")]

    assert factors
    assert all(bool((each == 1).all()) for each in factors)


def test_a_batch_norm_after_the_pooling_is_settled() -> None:
    """MobileNetV4 has one: its channels share their moments, and each has a place of its own."""
    backbone = backbone_of("timm:mobilenetv4_conv_small")
    state = random_state(backbone)

    fill(build_empty(backbone), state)

    assert state["norm_head.running_mean"].shape == state["norm_head.weight"].shape == (1280,)
