from pathlib import Path

import pytest
import safetensors.torch
import torch

from simx.common.errors import InputError
from simx.exporter.network import architecture
from simx.exporter.weights.cache import checkpoint_path
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.load import load
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import WeightsRequest
from simx.exporter.weights.state import fill
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import preprocess
from simx.models.backbone import Backbone
from tests.exporter.weights.server import Answer, serving
from tests.exporter.weights.support import BackboneOf, PutCheckpoint, equal, renamed_for, saved

TRAINED = Path(__file__).parents[2] / "data" / "squeezenet1_1.safetensors"
ESPRESSO = 967
AUTO = WeightsRequest("auto")


def obtain(
    backbone: Backbone, request: WeightsRequest, *, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Locate and load weights without a download."""
    return load(backbone, "pooled", locate(backbone, request, seed=seed))[0]


@pytest.fixture(scope="module")
def trained() -> dict[str, torch.Tensor]:
    """The trained weights as any reader of the format sees them."""
    return safetensors.torch.load_file(TRAINED)


def test_a_cup_is_an_espresso(small: Backbone) -> None:
    """With real weights from a file the whole network recognises what is in the picture."""
    state = obtain(small, WeightsRequest("file", TRAINED))
    model = architecture.build(small)
    fill(model, state)
    cup = torch.from_numpy(preprocess(decode(bundled().negative), small.preset))
    with torch.inference_mode():
        probabilities = model(cup).softmax(dim=1)[0]

    assert int(probabilities.argmax()) == ESPRESSO
    assert float(probabilities[ESPRESSO]) > 0.9


@pytest.mark.parametrize("legacy", [False, True])
def test_auto_loads_a_cached_checkpoint(
    *,
    legacy: bool,
    small: Backbone,
    trained: dict[str, torch.Tensor],
    put_checkpoint: PutCheckpoint,
) -> None:
    """A checkpoint in torch's cache is loaded in either of its forms."""
    state = obtain(put_checkpoint(small, saved(trained, legacy=legacy)), AUTO)

    assert equal(state, trained)


@pytest.mark.usefixtures("checkpoints")
def test_pretrained_is_fetched_and_loaded(
    small: Backbone, trained: dict[str, torch.Tensor]
) -> None:
    """From the server to the tensors."""
    content = saved(trained)
    with serving({}, otherwise=Answer(body=content, announced=len(content))) as site:
        named = renamed_for(small, content)
        source = locate(
            named, WeightsRequest("pretrained"), downloads=Downloads(mirror=site.address)
        )

    assert source.origin == "pretrained"
    assert equal(load(named, "pooled", source)[0], trained)


@pytest.mark.usefixtures("checkpoints")
def test_auto_without_checkpoint_draws_by_seed(small: Backbone) -> None:
    """Where nothing is cached the weights are the seed's."""
    state = obtain(small, AUTO, seed=3)

    assert equal(state, obtain(small, WeightsRequest("random"), seed=3))
    assert not equal(state, obtain(small, WeightsRequest("random"), seed=4))


@pytest.mark.parametrize("seen", [False, True])
def test_a_damaged_checkpoint_is_never_replaced_by_random(
    *, seen: bool, small: Backbone, trained: dict[str, torch.Tensor], put_checkpoint: PutCheckpoint
) -> None:
    """Auto refuses a cached file that fails its hash and says which and what to do."""
    named = put_checkpoint(small, saved(trained))
    path = checkpoint_path(named)
    if seen:
        obtain(named, AUTO)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(InputError, match="damaged or replaced; delete it") as raised:
        obtain(named, AUTO)
    assert str(path) in str(raised.value)


def test_a_checkpoint_of_old_names_is_loaded(
    backbone_of: BackboneOf, put_checkpoint: PutCheckpoint
) -> None:
    """What torchvision's densenet loader translates is translated on the way from the cache."""
    backbone = backbone_of("densenet121")
    expected = architecture.build(backbone).state_dict()
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): tensor
        for name, tensor in expected.items()
    }
    state = obtain(put_checkpoint(backbone, saved(old)), AUTO)

    assert old.keys() != expected.keys()
    assert equal(state, expected)
