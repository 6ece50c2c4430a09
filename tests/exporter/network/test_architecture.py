"""Architectures as torchvision builds them when it is given the weights."""

from functools import cache
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import WeightsEnum, get_model, get_model_weights
from torchvision.models.regnet import BlockParams

from simx.exporter.network.architecture import _NothingDrawn, build, build_empty
from simx.models.backbone import Backbone
from simx.models.catalogue import of_torchvision
from tests.exporter.network.test_heads import one

EACH_BACKBONE = pytest.mark.parametrize(
    "backbone", of_torchvision(), ids=lambda backbone: f"{backbone.model}-{backbone.weights}"
)

built = cache(build_empty)


def built_by_torchvision(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """Call torchvision's builder with the weights entry, but let it load nothing."""
    entry = get_model_weights(backbone.model)[backbone.weights]
    widths_of = BlockParams.from_init_params

    def widths_on_cpu(**settings: Any) -> Any:
        with torch.device("cpu"):
            return widths_of(**settings)

    with monkeypatch.context() as patch, torch.device("meta"), _NothingDrawn():
        patch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        patch.setattr(BlockParams, "from_init_params", widths_on_cpu)
        model: nn.Module = get_model(backbone.model, weights=entry)
    return model.eval()


def tensors(model: nn.Module) -> list[tuple[str, torch.Size, torch.dtype]]:
    return [(name, value.shape, value.dtype) for name, value in model.state_dict().items()]


def modules(model: nn.Module) -> list[tuple[str, type, str, dict[str, object]]]:
    """Describe every module with its plain attributes, such as ``transform_input`` or ``eps``."""
    return [
        (
            name,
            type(part),
            part.extra_repr(),
            {
                k: v
                for k, v in vars(part).items()
                if isinstance(v, bool | int | float | str | tuple)
            },
        )
        for name, part in model.named_modules()
    ]


@EACH_BACKBONE
def test_an_architecture_is_what_torchvision_builds_for_the_weights(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors, modules and settings equal those of torchvision's builder given the entry."""
    expected = built_by_torchvision(backbone, monkeypatch)

    assert tensors(built(backbone)) == tensors(expected)
    assert modules(built(backbone)) == modules(expected)


@EACH_BACKBONE
def test_an_architecture_has_the_parameters_the_catalogue_states(backbone: Backbone) -> None:
    """The published count of parameters is that of the network built."""
    assert sum(p.numel() for p in built(backbone).parameters()) == backbone.params


@EACH_BACKBONE
def test_an_architecture_follows_the_default_device(backbone: Backbone) -> None:
    """On the meta device no tensor holds memory."""
    assert all(value.is_meta for value in built(backbone).state_dict().values())


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_trained_elsewhere_normalise_their_input_again(name: str) -> None:
    """GoogLeNet and Inception translate the input to what their weights were trained with."""
    assert vars(built(one(name)))["transform_input"] is True


@pytest.mark.parametrize("name", ["squeezenet1_1", "regnet_x_400mf"])
def test_initial_values_are_those_of_torchvision(name: str) -> None:
    """The same seed gives the same network as torchvision's builder without weights."""
    torch.manual_seed(7)
    mine = build(one(name)).state_dict()
    torch.manual_seed(7)
    theirs = get_model(name, weights=None).state_dict()

    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def test_an_architecture_is_in_evaluation_mode() -> None:
    """Dropout and batch statistics are off in every part of the network."""
    assert not any(part.training for part in built(one("mobilenet_v2")).modules())


@pytest.mark.parametrize("name", ["mnasnet0_5", "regnet_y_400mf", "vit_b_32", "inception_v3"])
def test_an_empty_network_is_the_same_without_memory(name: str) -> None:
    """What is built for weights to come differs only in having no values."""
    with torch.device("meta"):
        model = build(one(name))
    empty = build_empty(one(name))
    shapes = {key: (tensor.shape, tensor.dtype) for key, tensor in model.state_dict().items()}

    assert str(empty) == str(model)
    assert {key: (t.shape, t.dtype) for key, t in empty.state_dict().items()} == shapes
    assert {tensor.device.type for tensor in empty.state_dict().values()} == {"meta"}
