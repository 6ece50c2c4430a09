import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torchvision.models import googlenet

from simx.common.errors import InputError
from simx.exporter.network import architecture
from simx.exporter.weights.load import fit
from simx.models.backbone import Backbone, EmbeddingKind
from tests.exporter.weights.support import BackboneOf, equal, unfilled

HERE = Path("weights.pth")


def fitted(
    loaded: object,
    backbone: Backbone,
    embedding: EmbeddingKind = "pooled",
    *,
    path: Path = HERE,
    key: str | None = None,
) -> dict[str, torch.Tensor]:
    """Return the state dict alone."""
    return fit(loaded, backbone, embedding, path, key)[0]


def state_of(backbone: Backbone) -> dict[str, torch.Tensor]:
    return dict(architecture.build(backbone).state_dict())


def test_matching_state_is_copied(small: Backbone) -> None:
    """What fits comes back equal, in the model's order, contiguous and in separate memory."""
    raw = state_of(small)
    state = fitted(dict(reversed(raw.items())), small)

    assert list(state) == list(raw)
    assert equal(state, raw)
    assert all(tensor.is_contiguous() for tensor in state.values())
    assert not {t.data_ptr() for t in state.values()} & {t.data_ptr() for t in raw.values()}


def test_views_of_one_tensor_are_separated(small: Backbone) -> None:
    """Tensors that share memory, as a file with tied weights has them, come back apart."""
    state = fitted(unfilled(small), small)

    assert len({tensor.untyped_storage().data_ptr() for tensor in state.values()}) == len(state)
    assert all(bool((tensor == 1).all()) for tensor in state.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_is_converted(dtype: torch.dtype, small: Backbone) -> None:
    """Weights saved in another float precision become float32, as torch loads them."""
    raw = {name: tensor.to(dtype) for name, tensor in state_of(small).items()}
    state = fitted(raw, small)

    assert equal(state, {name: tensor.float() for name, tensor in raw.items()})


def test_densenet_is_translated(backbone_of: BackboneOf) -> None:
    """The names in torchvision's densenet checkpoints become those of its modules."""
    backbone = backbone_of("densenet121")
    expected = state_of(backbone)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): tensor
        for name, tensor in expected.items()
    }

    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert equal(fitted(old, backbone), expected)


def test_vit_is_translated(backbone_of: BackboneOf) -> None:
    """The names in torchvision's first ViT checkpoints become those of its modules."""
    backbone = backbone_of("vit_b_32")
    expected = unfilled(backbone)
    old = {
        name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): tensor
        for name, tensor in expected.items()
    }

    assert "encoder.layers.encoder_layer_0.mlp.linear_1.weight" in old
    assert fitted(old, backbone).keys() == expected.keys()


def test_googlenets_auxiliary_classifiers_are_dropped(backbone_of: BackboneOf) -> None:
    """Torchvision's checkpoint holds them, its builder removes them; neither is an error."""
    backbone = backbone_of("googlenet")
    with_auxiliary = dict(googlenet(aux_logits=True, init_weights=False).state_dict())
    state = fitted(with_auxiliary, backbone)

    assert any(name.startswith("aux1.") for name in with_auxiliary)
    assert state.keys() == state_of(backbone).keys()


def test_absent_batch_norm_counters_are_zero(backbone_of: BackboneOf) -> None:
    """Files from before torch counted batches load as torch loads them."""
    backbone = backbone_of("mnasnet0_5")
    expected = state_of(backbone)
    old = {name: t for name, t in expected.items() if not name.endswith("num_batches_tracked")}

    assert len(old) < len(expected)
    assert equal(fitted(old, backbone), expected)


def altered(backbone: Backbone, kind: str) -> Mapping[str, torch.Tensor]:
    state = unfilled(backbone)
    match kind:
        case "missing":
            del state["features.0.bias"]
        case "unexpected":
            state["features.\x1b[31m\n"] = torch.ones(1)
        case "shape":
            state["features.0.weight"] = torch.ones(64, 1, 3, 3)
        case "integers":
            state["features.0.bias"] = torch.ones(64, dtype=torch.int8)
        case "sparse":
            state["features.0.bias"] = torch.ones(64).to_sparse()
        case "meta":
            state["features.0.bias"] = torch.ones(64, device="meta")
        case "complex":
            state["features.0.bias"] = torch.ones(64, dtype=torch.complex64)
        case _:
            state["features.0.bias"] = torch.ones(1).expand(1 << 50)
    return state


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", r"1 missing \(features\.0\.bias\);"),
        ("unexpected", r"1 unexpected \(features\.\\x1b\[31m\\n\);"),
        ("shape", r"\(features\.0\.weight is 64x1x3x3, not 64x3x3x3\);"),
        ("sparse", r"\(features\.0\.bias is a Tensor on the cpu device, torch\.sparse_coo, "),
        ("meta", r"\(features\.0\.bias is a Tensor on the meta device, "),
        ("integers", r"\(features\.0\.bias holds integers, not floats\);"),
        ("complex", r"\(features\.0\.bias holds complex numbers, not floats\);"),
        ("enormous", r"\(features\.0\.bias is 1125899906842624, not 64\);"),
    ],
)
def test_one_wrong_tensor_is_named(kind: str, reason: str, small: Backbone) -> None:
    """A single difference refuses the file and is named; foreign names are shown escaped."""
    with pytest.raises(InputError, match=reason) as raised:
        fitted(altered(small, kind), small)
    assert str(raised.value).startswith("weights file weights.pth does not fit squeezenet1_1: ")
    assert "\n" not in str(raised.value)


HUGE = torch.tensor([1e300], dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("features.0.1.bias", float("nan"), "holds NaN"),
        ("features.0.1.bias", float("inf"), "holds an infinity"),
        ("features.0.1.bias", float("-inf"), "holds an infinity"),
        ("classifier.1.weight", float("nan"), "holds NaN"),
        ("features.0.1.running_mean", float("nan"), "holds NaN"),
        ("features.0.1.running_var", -0.5, r"holds a negative variance \(-0\.5\)"),
    ],
)
def test_one_impossible_value_is_named(
    name: str, value: float, reason: str, dtype: torch.dtype, backbone_of: BackboneOf
) -> None:
    """One value in any kind of float refuses the file with the name of its tensor."""
    backbone = backbone_of("mobilenet_v2")
    state = unfilled(backbone)
    state[name] = state[name].to(dtype).contiguous()
    state[name].view(-1)[-1] = value

    with pytest.raises(InputError, match=rf"^weights file weights\.pth: {name} {reason}; no "):
        fitted(state, backbone)


def test_a_number_beyond_float32_is_named(small: Backbone) -> None:
    """It is finite in the file and infinite in the network."""
    state = unfilled(small) | {"features.0.bias": HUGE.expand(64)}

    with pytest.raises(InputError, match=r"features\.0\.bias holds numbers beyond float32's range"):
        fitted(state, small)


def test_many_impossible_values_are_counted(small: Backbone) -> None:
    """A few names, and how many more there are."""
    nan = torch.tensor(float("nan"))
    state = {name: nan.expand(tensor.shape) for name, tensor in unfilled(small).items()}

    with pytest.raises(InputError, match=f"NaN and {len(state) - 3} more; no embedding"):
        fitted(state, small)


def test_a_shard_is_named(small: Backbone) -> None:
    """A part of the weights does not fit, and its file's name is the likeliest cause."""
    state = dict(list(unfilled(small).items())[:5])

    with pytest.raises(
        InputError, match=r": it is file 2 of 3; of .* join them in one file first$"
    ):
        fitted(state, small, path=Path("model-00002-of-00003.safetensors"))


def test_another_model_is_summed_up(small: Backbone, backbone_of: BackboneOf) -> None:
    """The message about another model's file has counts and a few names, not hundreds."""
    with pytest.raises(InputError, match=r"missing \(.*\.\.\.\); \d+ unexpected \(.*\);") as raised:
        fitted(unfilled(backbone_of("squeezenet1_0")), small)
    assert str(raised.value).count("...") == 3
    assert len(str(raised.value)) < 700
