"""The forms in which people keep weights: each gives the network, and a line that says how."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torchvision.models import resnet18

from simx.common.errors import InputError
from simx.exporter.weights.cache import file_hash
from simx.exporter.weights.checkpoint import read
from simx.exporter.weights.file_reading import Entries, FileReading
from simx.exporter.weights.load import fit
from simx.models.backbone import EmbeddingKind
from tests.exporter.weights.support import BackboneOf, saved, unfilled

HERE = Path("weights.pth")
State = Mapping[str, torch.Tensor]

HEAD = "leaves out 2 tensors that the embedding does not use (fc.weight, fc.bias)"
LARGER = {"rpn.conv.weight": torch.ones(4, 4), "neck.bias": torch.ones(4)}


@pytest.fixture(scope="module")
def tuned() -> nn.Module:
    """A ResNet with three classes of its own."""
    model: nn.Module = resnet18(num_classes=3)
    return model


def behind(prefix: str, state: State) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def without_head(state: State) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def of_torchvisions_script(model: nn.Module) -> dict[str, object]:
    """Return what torchvision's ``references/classification/train.py`` saves."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 30).state_dict(),
        "epoch": 90,
        "args": Namespace(lr=0.1, model="resnet18"),
        "model_ema": AveragedModel(model).state_dict(),
    }


FORMS: dict[str, tuple[Callable[[nn.Module], object], str]] = {
    "another head": (lambda model: model.state_dict(), HEAD),
    "no head": (lambda model: without_head(model.state_dict()), HEAD),
    "a head of several layers": (
        lambda model: (
            without_head(model.state_dict())
            | {"fc.0.weight": torch.ones(64, 512), "fc.2.weight": torch.ones(3, 64)}
        ),
        f"ignores 2 other names (fc.0.weight, fc.2.weight); {HEAD}",
    ),
    "data parallel": (
        lambda model: nn.DataParallel(model).state_dict(),
        f"strips 'module.' from the names; {HEAD}",
    ),
    "compiled, and parallel": (
        lambda model: behind("module._orig_mod.", model.state_dict()),
        f"strips 'module._orig_mod.' from the names; {HEAD}",
    ),
    "one part parallel": (
        lambda model: {
            name.replace("layer1.", "layer1.module."): tensor
            for name, tensor in without_head(model.state_dict()).items()
        },
        (
            "translates 24 names (layer1.module.0.conv1.weight, layer1.module.0.bn1.weight, "
            f"layer1.module.0.bn1.bias, ...); {HEAD}"
        ),
    ),
    "Lightning": (
        lambda model: {
            "epoch": 3,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": behind("model.", model.state_dict()) | {"loss.weight": torch.ones(3)},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        },
        (
            "uses 'state_dict'; strips 'model.' from the names; ignores 1 other name "
            f"(loss.weight); {HEAD}"
        ),
    ),
    "part of a detector": (
        lambda model: behind("backbone.body.", without_head(model.state_dict())) | LARGER,
        (
            "strips 'backbone.body.' from the names; ignores 2 other names (rpn.conv.weight, "
            f"neck.bias); {HEAD}"
        ),
    ),
    "an encoder, deep inside": (
        lambda model: {"net": {"weights": behind("encoder.", without_head(model.state_dict()))}},
        f"uses 'net.weights'; strips 'encoder.' from the names; {HEAD}",
    ),
    "torchvision's script": (
        of_torchvisions_script,
        "uses 'model'; model_ema.module would also fit (see --weights-key); " + HEAD,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_network(
    form: str, tuned: nn.Module, backbone_of: BackboneOf, tmp_path: Path
) -> None:
    """From a file on the disk come the values of the body, and one line about the rest."""
    write, line = FORMS[form]
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(write(tuned)))
    loaded = read(path, file_hash(path))
    state, reading = fit(loaded, backbone_of("resnet18"), "pooled", path)

    assert reading.text() == line
    assert all(
        torch.equal(state[name], tensor)
        for name, tensor in without_head(tuned.state_dict()).items()
    )
    assert not state["fc.weight"].any()


def test_a_perfect_file_needs_no_line(backbone_of: BackboneOf) -> None:
    """The backbone's own state dict is read as it is."""
    backbone = backbone_of("squeezenet1_1")

    assert fit(unfilled(backbone), backbone, "pooled", HERE)[1] == FileReading()


@pytest.mark.parametrize(
    "name",
    [
        *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet"),
        *("inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small"),
        *("regnet_x_400mf", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "vgg11"),
        "vit_b_32",
    ],
)
def test_the_head_of_every_family_may_be_another(name: str, backbone_of: BackboneOf) -> None:
    """Without its classifier, and with one of ten classes, a file holds the same embedding."""
    backbone = backbone_of(name)
    whole = unfilled(backbone)
    last = list(whole)[-1].rpartition(".")[0]
    headless = {name: each for name, each in whole.items() if not name.startswith(last)}
    ten = headless | {f"{last}.weight": torch.ones(10, 3), f"{last}.bias": torch.ones(10)}

    for given in (headless, ten):
        state, reading = fit(given, backbone, "pooled", HERE)
        assert state.keys() == whole.keys()
        assert set(reading.unused.examples) == whole.keys() - headless.keys()


@pytest.mark.parametrize(("embedding", "count"), [("pooled", 4), ("penultimate", 2), ("flat", 4)])
def test_the_embedding_decides_what_is_needed(
    embedding: EmbeddingKind, count: int, backbone_of: BackboneOf
) -> None:
    """What is before the classifier's last layer is a part of the penultimate embedding."""
    backbone = backbone_of("mobilenet_v3_small")
    whole = unfilled(backbone)
    last, all_of_it = ("classifier.3.", "classifier.")
    gone = last if embedding == "penultimate" else all_of_it
    given = {name: each for name, each in whole.items() if not name.startswith(gone)}

    assert fit(given, backbone, embedding, HERE)[1].unused.count == count
    if embedding == "penultimate":
        headless = {name: each for name, each in whole.items() if not name.startswith(all_of_it)}
        with pytest.raises(InputError, match=r"2 missing \(classifier\.0\.weight, "):
            fit(headless, backbone, embedding, HERE)


@pytest.mark.parametrize("value", [7.0, float("inf")])
def test_counters_in_half_precision_do_not_matter(value: float, backbone_of: BackboneOf) -> None:
    """``half()`` of a whole state dict makes floats, and infinities, of its counters."""
    backbone = backbone_of("mobilenet_v2")
    halved = {name: torch.full_like(each, 1).half() for name, each in unfilled(backbone).items()}
    counters = {name for name in halved if name.endswith("num_batches_tracked")}
    state, reading = fit(
        halved | {name: torch.tensor(value) for name in counters}, backbone, "pooled", HERE
    )

    assert reading.unused.count == len(counters) > 0
    assert not any(state[name] for name in counters)


def two(first: str, second: str, state: State) -> dict[str, object]:
    """Return a file with two networks, whose values are 1 and 2."""
    return {first: state, second: {name: 2 * tensor for name, tensor in state.items()}}


@pytest.mark.parametrize(
    ("first", "second", "key", "value", "others"),
    [
        ("state_dict", "state_dict_ema", None, 1, ("state_dict_ema",)),
        ("ema_state_dict", "net", None, 2, ("ema_state_dict",)),
        ("model_ema", "model", None, 2, ("model_ema",)),
        ("model_ema", "model", "model_ema", 1, ("model",)),
        ("model", "state_dict", None, 2, ("model",)),
        ("student", "teacher", "teacher", 2, ("student",)),
        ("best", "best.swa", "best", 1, ("best.swa",)),
    ],
)
def test_a_copy_is_named_and_chosen_by_its_key(
    first: str,
    second: str,
    key: str | None,
    value: int,
    others: tuple[str, ...],
    backbone_of: BackboneOf,
) -> None:
    """The network itself comes before averaged copies; a key overrides that."""
    backbone = backbone_of("squeezenet1_1")
    loaded = two(first, second, unfilled(backbone))
    state, reading = fit(loaded, backbone, "pooled", HERE, key)

    assert {float(tensor.flatten()[0]) for tensor in state.values()} == {value}
    assert reading.others == Entries.of(others)


def test_networks_behind_two_prefixes_are_told_apart(backbone_of: BackboneOf) -> None:
    """One mapping can hold two networks, as MoCo's does; a part of the name is a key."""
    backbone = backbone_of("squeezenet1_1")
    ones = unfilled(backbone)
    loaded = behind("module.encoder_q.", ones) | {
        f"module.encoder_k.{name}": 2 * each for name, each in ones.items()
    }
    state, reading = fit(loaded, backbone, "pooled", HERE, "encoder_k")

    assert float(state["features.0.bias"][0]) == 2
    assert reading.prefix == "module.encoder_k."
    assert reading.others == Entries(1, ("module.encoder_q",))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "several networks in it fit: student, teacher; choose one with --weights-key"),
        ("ema", "no network that fits is named 'ema'; those that fit are: student, teacher"),
        ("stud", "no network that fits is named 'stud'; those that fit are: student, teacher"),
    ],
)
def test_a_choice_that_is_not_clear_is_refused(
    key: str | None, message: str, backbone_of: BackboneOf
) -> None:
    """None of two equal networks is taken by chance; the message names both."""
    backbone = backbone_of("squeezenet1_1")

    with pytest.raises(InputError) as raised:
        fit(two("student", "teacher", unfilled(backbone)), backbone, "pooled", HERE, key)
    assert str(raised.value) == f"weights file weights.pth: {message}"


def test_denormal_weights_are_counted(backbone_of: BackboneOf) -> None:
    """In weights they make products slow; the statistics of a dead channel do not."""
    backbone = backbone_of("mobilenet_v2")
    given = dict(unfilled(backbone))
    for name in ("features.0.0.weight", "features.0.1.running_var", "features.0.1.running_mean"):
        given[name] = given[name].contiguous()
        given[name].view(-1)[0] = 1e-40
    reading = fit(given, backbone, "pooled", HERE)[1]

    assert reading.denormal == Entries(1, ("features.0.0.weight",))
    assert "1 tensor with denormal numbers, which can be slow (features" in reading.text()


def test_foreign_names_are_shown_escaped(backbone_of: BackboneOf) -> None:
    """A name from a file cannot change a terminal, nor fill it."""
    backbone = backbone_of("squeezenet1_1")
    given = {"\x1b[31m" + "m" * 500: {"a\n." + name: e for name, e in unfilled(backbone).items()}}
    text = fit(given, backbone, "pooled", HERE)[1].text()

    assert text.isprintable()
    assert len(text) < 300


def test_a_mapping_that_holds_itself_is_read_once(backbone_of: BackboneOf) -> None:
    """A file can hold a mapping in which every value is the mapping."""
    backbone = backbone_of("squeezenet1_1")
    loaded: dict[str, object] = dict(unfilled(backbone))
    loaded.update({str(number): loaded for number in range(100)})

    assert fit(loaded, backbone, "pooled", HERE)[1].ignored.count == 100
