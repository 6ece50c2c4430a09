"""Files that fit no rule are refused with the likeliest cause first."""

from itertools import permutations
from pathlib import Path

import pytest
import torch

from simx.common.errors import InputError
from simx.exporter.weights.load import fit
from simx.exporter.weights.selection import containers, needs_of, networks
from simx.models.backbone import Backbone
from simx.models.catalogue import load, of_torchvision
from tests.exporter.weights.support import BackboneOf, unfilled

HERE = Path("weights.pth")
BY_NAME = {backbone.name: backbone for backbone in load()}


def message(given: object, backbone: Backbone) -> str:
    with pytest.raises(InputError) as raised:
        fit(given, backbone, "pooled", HERE)
    return str(raised.value)


@pytest.mark.parametrize(
    ("selected", "other"),
    [
        ("resnet18", "resnet34"),
        ("resnet50", "resnet152"),
        ("vgg11", "vgg13"),
        ("convnext_tiny", "convnext_small"),
        ("squeezenet1_1", "alexnet"),
    ],
)
def test_the_fitting_architecture_is_named(selected: str, other: str) -> None:
    """Also where the selected network is a part of the file's, which is never cut down to it."""
    headless = dict(list(unfilled(BY_NAME[other]).items())[:-2])
    text = message(
        {"model": {f"module.{name}": e for name, e in headless.items()}}, BY_NAME[selected]
    )

    assert text.startswith(
        f"weights file weights.pth does not fit {selected}: it fits {other}; of "
    )
    assert text.endswith("; select that")


@pytest.mark.parametrize("other", ["timm:vit_small_patch16_224", "timm:resnet10t"])
def test_a_fitting_architecture_of_timm_is_named(other: str, backbone_of: BackboneOf) -> None:
    """It is looked for after torchvision's, where timm is installed."""
    pytest.importorskip("timm", reason="timm is an extra")
    given = {f"module.{name}": tensor for name, tensor in unfilled(BY_NAME[other]).items()}

    assert f"does not fit resnet18: it fits {other}; " in message(given, backbone_of("resnet18"))


@pytest.mark.parametrize(
    ("crop", "selected", "cause", "mend"),
    [
        (
            *(384, "vit_b_16", "it is for pictures of 384 pixels, not 224; "),
            "; select vit_b_16:IMAGENET1K_SWAG_E2E_V1",
        ),
        (
            *(224, "vit_b_16:IMAGENET1K_SWAG_E2E_V1", "for pictures of 224 pixels, not 384; "),
            "; select vit_b_16",
        ),
        (
            *(448, "vit_b_32", "it is for pictures of 448 pixels, not 224; "),
            "; torchvision's interpolate_embeddings converts its position embedding",
        ),
    ],
)
def test_a_vision_transformers_resolution_is_named(
    crop: int, selected: str, cause: str, mend: str
) -> None:
    """Its position embedding has a row for every patch of its pictures."""
    given = unfilled(BY_NAME[selected])
    side = given["conv_proj.weight"].shape[-1]
    width = given["encoder.pos_embedding"].shape[-1]
    given["encoder.pos_embedding"] = torch.ones(1, (crop // side) ** 2 + 1, width)
    text = message(given, BY_NAME[selected])

    assert cause in text
    assert text.endswith(mend)


def test_foreign_names_are_the_cause(backbone_of: BackboneOf) -> None:
    """Another library's network of the same architecture has other names."""
    given = {f"blocks.{number}.weight": torch.ones(3) for number in range(9)}
    text = message(given, backbone_of("squeezenet1_1"))

    assert "does not fit squeezenet1_1: it has none of the names that torchvision gives" in text


@pytest.mark.slow
def test_no_file_fits_two_architectures_of_a_family() -> None:
    """Each whole state dict fits its own architecture alone, whatever is a part of what."""
    defaults = [backbone for backbone in of_torchvision() if backbone.default]
    held = {each: containers(unfilled(each)) for each in defaults}
    for one, other in permutations(defaults, 2):
        if one.family == other.family:
            assert not networks(held[one], needs_of(other, "pooled"))[0].fits, (one, other)
