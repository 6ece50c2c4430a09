import pytest
import torch
from safetensors.torch import save
from torch import nn

from simx.exporter.network import architecture
from simx.exporter.network.heads import remove_head
from simx.exporter.weights.initialised import (
    RESIDUAL_GAIN,
    _batch,
    open_chain,
    random_state,
    settle_batch_norm,
    weaken_residual_branches,
)
from simx.exporter.weights.state import fill
from simx.models.backbone import Backbone
from simx.results.statistics.parity import FP32
from tests.exporter.weights.support import BackboneOf


def largest_pooled(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Largest absolute value of each picture's pooled embedding, for an efficientnet."""
    with torch.inference_mode():
        features: torch.Tensor = model.get_submodule("features")(images)
    return features.mean(dim=(2, 3)).abs().amax(dim=1)


@pytest.fixture
def vanishing(backbone_of: BackboneOf) -> Backbone:
    """The backbone in which the scale of activations shrinks fastest for its size."""
    return backbone_of("efficientnet_b0")


def test_activations_keep_their_scale(vanishing: Backbone) -> None:
    """With settled batch norms embeddings are of a size in which a difference shows."""
    model = architecture.build(vanishing)
    fill(model, random_state(vanishing))

    assert bool((largest_pooled(model, _batch(vanishing.preset)) > 0.02).all())


def test_activations_vanish_as_initialised(vanishing: Backbone) -> None:
    """Without them the same network's embeddings are next to nothing: the reason for the above."""
    torch.manual_seed(0)
    model = architecture.build(vanishing)

    assert bool((largest_pooled(model, _batch(vanishing.preset)) < 1e-6).all())


@pytest.mark.parametrize("name", ["squeezenet1_1", "mnasnet0_5", "shufflenet_v2_x0_5"])
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


def test_statistics_become_the_batchs() -> None:
    """After the pass a batch norm holds mean and unbiased variance of what really reached it."""
    norm = nn.BatchNorm2d(2, momentum=0.01)
    model = nn.Sequential(nn.Dropout(0.9), norm)
    images = torch.randn(4, 2, 5, 5) * 3 + 7
    settle_batch_norm(model, images)

    state = norm.state_dict()

    assert torch.allclose(state["running_mean"], images.mean(dim=(0, 2, 3)))
    assert torch.allclose(state["running_var"], images.var(dim=(0, 2, 3)))
    assert norm.momentum == 0.01
    assert not any(module.training for module in model.modules())


def test_later_layers_see_settled_ones() -> None:
    """One pass is enough for a chain: the second norm is set for what the first one now gives."""
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))
    images = torch.randn(4, 2, 9, 9) * 0.1
    settle_batch_norm(model, images)

    with torch.inference_mode():
        spread = model(images).std(dim=(0, 2, 3))
    assert spread == pytest.approx(torch.ones(3), rel=0.1)


def test_a_network_without_batch_norm_is_left_alone() -> None:
    """Where there is nothing to settle no pass is made, which these channels would not survive."""
    model = nn.Sequential(nn.Conv2d(7, 1, 1))
    before = save(model.state_dict())
    settle_batch_norm(model, torch.zeros(4, 3, 2, 2))

    assert save(model.state_dict()) == before


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "regnet_y_400mf"])
def test_residual_branches_are_weak(name: str, backbone_of: BackboneOf) -> None:
    """Every residual branch ends in a batch norm of the stated gain, and only those do."""
    model = architecture.build(backbone_of(name))
    weaken_residual_branches(model)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    weakened = [norm for norm in norms if bool((norm.weight == RESIDUAL_GAIN).all())]
    blocks = {"resnet18": 8, "resnet50": 16, "regnet_y_400mf": 16}

    assert len(weakened) == blocks[name]


def test_rounding_errors_stay_small_in_a_deep_chain(backbone_of: BackboneOf) -> None:
    """Float32 and float64 agree far better than two implementations have to."""
    backbone = backbone_of("inception_v3")
    torch.manual_seed(0)
    model = architecture.build(backbone)
    open_chain(model)
    images = _batch(backbone.preset)[:, :, ::2, ::2]
    settle_batch_norm(model, images)
    body = remove_head(model, "flat")

    with torch.inference_mode():
        single = body(images)
        exact = body.double()(images.double())

    assert (torch.dist(single.double(), exact) / exact.norm()).item() < FP32.relative_l2 / 5


@pytest.mark.parametrize("name", ["googlenet", "mnasnet0_5"])
def test_other_networks_are_no_deep_chains(name: str, backbone_of: BackboneOf) -> None:
    """Their batch norms keep the shift that they are initialised with."""
    model = architecture.build(backbone_of(name))
    before = save(model.state_dict())
    open_chain(model)

    assert save(model.state_dict()) == before


def test_rounding_stays_small_in_a_deep_network(backbone_of: BackboneOf) -> None:
    """float32 and float64 agree to 1e-5 in a network whose depth would multiply rounding."""
    backbone = backbone_of("resnet50")
    model = architecture.build(backbone)
    fill(model, random_state(backbone))
    image = _batch(backbone.preset)[:1]
    with torch.inference_mode():
        single = model(image).double()
        double = model.double()(image.double())

    assert float((single - double).norm() / double.norm()) < 1e-5
