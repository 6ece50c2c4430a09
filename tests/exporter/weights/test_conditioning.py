"""Random weights neither amplify rounding nor lose what tells pictures apart, on any picture."""

import pytest
import torch
from torch import nn

from benchmarks.conditioning import FEW, MOST_ERROR, MOST_RATIO, embeddings, pictures, rows
from simx.exporter.network import architecture
from simx.exporter.network.heads import remove_head
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.state import fill
from simx.images.normalisation import normalise
from simx.models import catalogue
from simx.models.backbone import Backbone, EmbeddingKind
from tests.exporter.weights.support import BackboneOf

QUICK = ("mobilenet_v3_small", "regnet_x_400mf", "shufflenet_v2_x0_5", "squeezenet1_1")
EACH_WAY = ("densenet121", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "swin_t", "vgg11", "vit_b_32")
"""Networks of which the embeddings are found in other places."""

OTHERS = [
    pytest.param(each, id=each.name, marks=pytest.mark.slow)
    for each in catalogue.of_torchvision()
    if each.default and each.model not in QUICK
]
SMALL = [
    pytest.param(each, id=each.name)
    for each in catalogue.of_torchvision()
    if each.default and each.model in QUICK
]


@pytest.mark.parametrize("backbone", [*SMALL, *OTHERS])
def test_any_picture_is_well_conditioned(backbone: Backbone) -> None:
    """float32 agrees with float64, norms are alike, and different pictures differ."""
    found = list(rows(backbone, FEW if backbone.gflops < 32 else FEW[:2]))

    assert [row.embedding for row in found] == ["pooled", "penultimate", "flat"]
    for row in found:
        assert row.error <= MOST_ERROR
        assert row.ratio <= MOST_RATIO
        assert row.cosines[1] < 0.9999


def test_every_kind_of_picture_is_well_conditioned(backbone_of: BackboneOf) -> None:
    """The same for all twelve pictures, in the family that amplified rounding most."""
    for row in rows(backbone_of("efficientnet_b0")):
        assert row.pictures == 12
        assert row.error <= MOST_ERROR
        assert row.ratio <= MOST_RATIO


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in EACH_WAY)]
)
def test_one_pass_finds_every_embedding(name: str, backbone_of: BackboneOf) -> None:
    """What is caught on its way through the classifier is what the headless networks return."""
    backbone = backbone_of(name)
    torch.manual_seed(0)
    images = torch.randn(2, 3, backbone.preset.crop, backbone.preset.crop)
    state = random_state(backbone)

    def built() -> nn.Module:
        model = architecture.build(backbone)
        fill(model, state)
        return model

    kinds: tuple[EmbeddingKind, ...] = ("pooled", "penultimate", "flat")
    caught = embeddings(built(), images)
    for kind in kinds:
        with torch.inference_mode():
            returned = remove_head(built(), kind)(images)

        assert torch.allclose(caught[kind], returned, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", QUICK)
def test_activations_are_modest(name: str, backbone_of: BackboneOf) -> None:
    """No layer gives values near the largest of float16, nor any so small that they vanish."""
    backbone = backbone_of(name)
    model = architecture.build(backbone)
    fill(model, random_state(backbone))
    largest: list[float] = []

    def measured(_: nn.Module, __: object, output: torch.Tensor) -> None:
        largest.append(float(output.abs().max()))

    for part in model.modules():
        part.register_forward_hook(measured)
    for crop in pictures(backbone.preset).values():
        with torch.inference_mode():
            model(torch.from_numpy(normalise(crop[None], backbone.preset)))

    assert max(largest) < 65504 / 100
    assert min(largest) > 1e-3
