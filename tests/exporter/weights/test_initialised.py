import copy

import pytest
import torch
from safetensors.torch import save
from torch import nn

from simx.exporter.network import architecture
from simx.exporter.weights.initialised import (
    DEVIATION,
    MEAN,
    inputs_of_every_frequency,
    random_state,
    settle,
)
from simx.models.backbone import Backbone
from tests.exporter.weights.support import BackboneOf


def settled(model: nn.Module, images: torch.Tensor, axis: int = 1) -> torch.Tensor:
    """Settle a chain of layers and return what it then gives, channels last: [values, C]."""
    settle(model.eval(), images)
    with torch.inference_mode():
        output: torch.Tensor = model(images)
    return output.movedim(axis, -1).flatten(0, -2)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mnasnet0_5", "shufflenet_v2_x0_5", "vit_b_32"])
def test_a_seed_is_a_set_of_weights(name: str, backbone_of: BackboneOf) -> None:
    """The same seed gives the same bytes whatever the thread count, another seed others."""
    backbone = backbone_of(name)
    threads = torch.get_num_threads()
    first = save(random_state(backbone, 1))
    torch.set_num_threads(3)
    try:
        again = save(random_state(backbone, 1))

        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert first == again
    assert first != save(random_state(backbone, 2))


def test_the_callers_generator_is_untouched(small: Backbone) -> None:
    """Drawing weights neither uses nor reseeds the caller's random numbers."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random_state(small)

    assert torch.equal(torch.rand(3), expected)


def test_inputs_go_from_one_colour_to_noise() -> None:
    """The first has a single colour, the last another one in every pixel; all keep to the range."""
    images = inputs_of_every_frequency()
    colours = [len(image.flatten(1).unique(dim=1).T) for image in images]

    assert colours == [1, 8 * 8, 28 * 28, 224 * 224]
    assert float(images.abs().max()) <= 2


LAYERS = {
    "batch norm": (nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)),
    "batch norm after a bias": (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)),
    "convolution": (nn.Conv2d(3, 8, 3),),
    "linear layer": (nn.Conv2d(3, 8, 3, bias=False), nn.Flatten(2), nn.Linear(36, 8)),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scale", [0.3, 1.0, 1e3])
def test_a_layer_gives_the_stated_mean_and_deviation(kind: str, scale: float) -> None:
    """Each channel has that mean, and the channels together that deviation, whatever comes in."""
    torch.manual_seed(0)
    layers = nn.Sequential(*copy.deepcopy(LAYERS[kind]))
    images = torch.randn(4, 3, 8, 8) * scale + scale
    values = settled(layers, images, axis=-1 if kind == "linear layer" else 1)

    assert values.mean(0) == pytest.approx(torch.full((8,), MEAN), rel=2e-3)
    assert float(values.var(0).mean().sqrt()) == pytest.approx(DEVIATION, rel=0.02)


@pytest.mark.parametrize("after", [nn.Linear(6, 5), nn.Sequential(nn.Conv2d(6, 5, 1))])
def test_pooled_vectors_keep_their_likeness(after: nn.Module) -> None:
    """Vectors that differ by a thousandth are not told apart by more: they get one scale."""
    torch.manual_seed(0)
    shape = (4, 6) if isinstance(after, nn.Linear) else (4, 6, 1, 1)
    values = settled(nn.Sequential(copy.deepcopy(after)), 1 + torch.rand(shape) / 1000)

    assert float(values.mean()) == pytest.approx(MEAN, rel=1e-3)
    assert float(values.std()) == pytest.approx(DEVIATION, rel=1e-3)
    assert float(values.std(0).max()) < 0.01


def test_channels_keep_their_ratios() -> None:
    """A channel that hardly varies is not amplified: all are divided by the same deviation."""
    images = torch.randn(4, 2, 9, 9) * torch.tensor([1.0, 1e-3]).view(2, 1, 1)
    deviations = settled(nn.Sequential(nn.BatchNorm2d(2)), images).std(0)

    assert float(deviations[1] / deviations[0]) == pytest.approx(1e-3, rel=0.1)


def test_a_layer_without_bias_is_left_to_the_batch_norm_after_it() -> None:
    """Its weights stay as drawn, and what it gives is scaled once."""
    layer = nn.Conv2d(3, 4, 1, bias=False)
    drawn = layer.weight.detach().clone()
    settled(nn.Sequential(layer, nn.BatchNorm2d(4)), torch.randn(4, 3, 5, 5))

    assert torch.equal(layer.weight, drawn)


def test_later_layers_see_settled_ones() -> None:
    """One pass is enough for a chain: each layer is set for what the one before now gives."""
    layers = (nn.Conv2d(2, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.ReLU6(), nn.Conv2d(6, 8, 1))
    values = settled(nn.Sequential(*layers), torch.randn(4, 2, 9, 9) * 100)

    assert float(values.mean()) == pytest.approx(MEAN, rel=1e-3)
    assert float(values.var(0).mean().sqrt()) == pytest.approx(DEVIATION, rel=1e-3)


def test_nothing_stays_attached() -> None:
    """A settled network computes by its weights alone, for inputs of any size."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    settled(model, torch.randn(4, 3, 5, 5))
    before = save(model.state_dict())
    model(torch.randn(1, 3, 7, 7))

    assert save(model.state_dict()) == before
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


@pytest.mark.parametrize("name", ["vit_b_32", "swin_t", "convnext_tiny"])
def test_layer_norms_are_enough(name: str, backbone_of: BackboneOf) -> None:
    """Networks with layer norms alone stay as drawn; no pass is made, not even of wrong inputs."""
    model = architecture.build(backbone_of(name))
    before = save(model.state_dict())
    settle(model, torch.zeros(2, 7, 1, 1))

    assert save(model.state_dict()) == before
