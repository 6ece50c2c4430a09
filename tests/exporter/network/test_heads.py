"""Heads removed: what is left returns the embedding, and holds nothing of the head."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
import torch
from torch import nn

from simx.exporter.network.architecture import build
from simx.exporter.network.heads import prepare_for_export, remove_head
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import load
from simx.models.selection import Selection, select

ONE_OF_EACH_LAYOUT = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vit_b_32",
)

SIDE = {"alexnet": 224, "inception_v3": 96, "maxvit_t": 224, "vit_b_32": 224}
"""Pixels where values are compared and 64 are too few; small pictures keep the tests quick."""

POOLED = {
    "alexnet": 9216,
    "vgg11": 25088,
    "squeezenet1_0": 512,
    "mobilenet_v2": 1280,
    "mobilenet_v3_large": 960,
    "mobilenet_v3_small": 576,
    "mnasnet0_5": 1280,
    "shufflenet_v2_x1_0": 1024,
    "shufflenet_v2_x2_0": 2048,
    "efficientnet_b0": 1280,
    "densenet201": 1920,
    "googlenet": 1024,
    "inception_v3": 2048,
    "resnet18": 512,
    "resnet50": 2048,
    "regnet_x_400mf": 400,
    "convnext_tiny": 768,
    "swin_t": 768,
    "maxvit_t": 512,
    "vit_b_16": 768,
}

PENULTIMATE = {
    "alexnet": 4096,
    "vgg11": 4096,
    "mobilenet_v3_large": 1280,
    "mobilenet_v3_small": 1024,
    "maxvit_t": 512,
    "convnext_tiny": 768,
    "squeezenet1_0": 512,
    "resnet18": 512,
    "vit_b_32": 768,
}

FLAT = {
    "densenet121": 50176,
    "densenet161": 108192,
    "densenet169": 81536,
    "densenet201": 94080,
    "maxvit_t": 512 * 7 * 7,
    "mnasnet0_5": 62720,
    "mobilenet_v2": 62720,
    "resnet18": 512 * 7 * 7,
    "shufflenet_v2_x1_0": 50176,
    "shufflenet_v2_x2_0": 100352,
    "squeezenet1_0": 86528,
    "squeezenet1_1": 86528,
    "swin_t": 768 * 7 * 7,
    "vit_b_32": 768 * (7 * 7 + 1),
}

Case = tuple[nn.Module, torch.Tensor]

LENGTHS = [
    pytest.param(model, kind, length, id=f"{model}-{kind}")
    for kind, lengths in (("pooled", POOLED), ("penultimate", PENULTIMATE), ("flat", FLAT))
    for model, length in lengths.items()
]

EACH_LAYOUT = pytest.mark.parametrize("name", ONE_OF_EACH_LAYOUT)
EACH_KIND = pytest.mark.parametrize("kind", get_args(EmbeddingKind))


def one(name: str) -> Backbone:
    (backbone,) = select(Selection(names=(name,)), load())
    return backbone


def meta_images(backbone: Backbone, count: int) -> torch.Tensor:
    return torch.empty(count, 3, backbone.preset.crop, backbone.preset.crop, device="meta")


def classifier(model: nn.Module) -> nn.Module:
    """Return the classifier: the last child of every torchvision classifier."""
    return list(model.children())[-1]


def last_layer(model: nn.Module) -> nn.Module:
    weighted = (nn.Linear, nn.Conv2d)
    return [m for m in classifier(model).modules() if isinstance(m, weighted)][-1]


def input_of(part: nn.Module, model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Run the model and return what entered one of its parts, averaged where it is a map."""
    captured: list[torch.Tensor] = []

    def capture(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        captured.append(arguments[0].clone())

    with part.register_forward_pre_hook(capture), torch.no_grad():
        model(batch)
    (features,) = captured
    return features.mean((2, 3)) if features.dim() == 4 else features


def embed(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        embeddings: torch.Tensor = model(batch)
    return embeddings


def assert_same(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Compare relative to the largest value: untrained networks give tiny ones."""
    scale = expected.abs().max().item()
    assert scale > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * scale)


@pytest.fixture(scope="module", params=ONE_OF_EACH_LAYOUT)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Give an untrained network with its head on, and two images for it.

    One thread computes: on a busy machine several wait for each other most of the time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    side = SIDE.get(request.param, 64)
    yield build(one(request.param)), torch.randn(2, 3, side, side)
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("model", "kind", "length"), LENGTHS)
def test_an_embedding_has_its_known_length(model: str, kind: EmbeddingKind, length: int) -> None:
    """Every definition gives [N, D] with the length it is known for, for one image too."""
    backbone = one(model)
    with torch.device("meta"):
        headless = remove_head(build(backbone), kind)

    assert embed(headless, meta_images(backbone, 1)).shape == (1, length)
    assert backbone.embedding_dims.of(kind) == length


@pytest.mark.parametrize(("kind", "part"), [("pooled", classifier), ("penultimate", last_layer)])
def test_an_embedding_is_what_enters_the_head(
    case: Case, kind: EmbeddingKind, part: Callable[[nn.Module], nn.Module]
) -> None:
    """It equals what the whole network hands to its classifier, or to its last weighted layer."""
    model, batch = case
    expected = input_of(part(model), model, batch)

    assert_same(embed(remove_head(copy.deepcopy(model), kind), batch), expected)


def test_flat_is_the_map_that_pooled_is_the_mean_of(case: Case) -> None:
    """Averaging the map gives the pooled embedding; for a vision transformer it is token 0."""
    model, batch = case
    pooled = embed(remove_head(copy.deepcopy(model), "pooled"), batch)

    flat = embed(remove_head(copy.deepcopy(model), "flat"), batch)
    if type(model).__name__ == "VisionTransformer":
        found = flat.reshape(len(batch), -1, pooled.shape[1])[:, 0]
    else:
        found = flat.reshape(len(batch), pooled.shape[1], -1).mean(-1)

    assert_same(found, pooled)


@EACH_KIND
@EACH_LAYOUT
def test_nothing_but_the_head_is_gone(name: str, kind: EmbeddingKind) -> None:
    """The head's and the auxiliary classifiers' parameters are gone, all others are left."""
    with torch.device("meta"):
        model = build(one(name))
    head = last_layer(model) if kind == "penultimate" else classifier(model)
    auxiliary = getattr(model, "AuxLogits", nn.Identity())
    removed = {*map(id, head.parameters()), *map(id, auxiliary.parameters())}
    expected = set(map(id, model.parameters())) - removed

    headless = remove_head(model, kind)

    assert removed
    assert set(map(id, headless.parameters())) == expected
    assert {id(t) for t in headless.state_dict(keep_vars=True).values()} >= expected


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_training_mode_returns_the_embedding_alone(name: str) -> None:
    """Without auxiliary classifiers the output is one tensor while batch norms are fitted, too."""
    with torch.device("meta"):
        headless = remove_head(build(one(name)), "pooled").train()

    assert isinstance(embed(headless, meta_images(one(name), 2)), torch.Tensor)


def test_a_network_without_a_classifier_is_refused() -> None:
    """What is not one of torchvision's classifiers is not guessed at."""
    with pytest.raises(TypeError, match="Conv2d has no classifier module"):
        remove_head(nn.Conv2d(3, 8, 1), "pooled")


def test_preparing_for_export_changes_no_value(case: Case) -> None:
    """Nothing is computed in place and no gradient is kept, but the logits are the same."""
    model, batch = case
    expected = embed(model, batch)

    prepared = prepare_for_export(copy.deepcopy(model).train())

    assert not any(getattr(part, "inplace", False) for part in prepared.modules())
    assert not any(parameter.requires_grad for parameter in prepared.parameters())
    assert torch.equal(embed(prepared, batch), expected)
