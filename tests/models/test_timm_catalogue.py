"""The stored catalogue of timm's backbones, and against the installed timm."""

from importlib import resources

import msgspec
import pytest

from simx.common.errors import InputError
from simx.models.catalogue import TIMM_FILE_NAME, CatalogueFile, load
from simx.models.selection import Selection, select

REGENERATE = "run `python -m scripts.make_timm_catalogue`"
OF_TIMM = [each for each in load() if each.source == "timm"]


def names(*selected: str, everything: bool = False) -> list[str]:
    return [each.name for each in select(Selection(names=selected, everything=everything), load())]


def test_at_least_forty_architectures_of_many_families() -> None:
    """The catalogue has timm's most usual families."""
    assert len({each.model for each in OF_TIMM}) >= 40
    assert len({each.family for each in OF_TIMM}) >= 25
    assert {"resnet", "mobilenet", "efficientnet", "convnext", "vit", "swin"} <= {
        each.family for each in OF_TIMM
    }


def test_every_architecture_has_one_default() -> None:
    """A name without weights means exactly one backbone."""
    models = {each.model for each in OF_TIMM}

    assert sorted(each.model for each in OF_TIMM if each.default) == sorted(models)


def test_names_are_those_of_timm() -> None:
    """The default needs no weights, others follow a dot, and a colon is understood, too."""
    assert names("timm:resnet50") == names("timm:resnet50.a1_in1k") == ["timm:resnet50"]
    assert names("timm:resnet50.a2_in1k") == ["timm:resnet50.a2_in1k"]
    assert names("timm:resnet50:a2_in1k") == ["timm:resnet50.a2_in1k"]
    assert names("TIMM:ResNet50.a2") == ["timm:resnet50.a2_in1k"]


def test_globs_stay_within_one_source() -> None:
    """``resnet*`` has none of timm's, and ``timm:resnet*`` none of torchvision's."""
    assert not any(name.startswith("timm:") for name in names("*"))
    assert {name.partition(":")[0] for name in names("timm:*", "timm:resnet50.*")} == {"timm"}


def test_all_means_torchvision_only() -> None:
    """``--all`` has the 80 architectures of torchvision."""
    assert len(names(everything=True)) == 80
    assert not any(name.startswith("timm:") for name in names(everything=True))


def test_a_family_of_timm_alone_needs_a_name() -> None:
    """``--family`` narrows torchvision's backbones unless timm's are named."""
    with pytest.raises(InputError, match=r"no backbone of family levit; name those of timm, as in"):
        select(Selection(everything=True, families=("levit",)), load())

    of_levit = select(Selection(names=("timm:*",), families=("levit",)), load())
    assert {each.family for each in of_levit} == {"levit"}


def test_addresses_are_those_of_the_hub() -> None:
    """Every checkpoint is a safetensors file at an https address."""
    for each in OF_TIMM:
        assert each.url.startswith("https://huggingface.co/")
        assert each.url.endswith("/resolve/main/model.safetensors")


def test_the_file_is_as_the_script_writes_it() -> None:
    """Nobody has edited the file by hand, not even its layout."""
    pytest.importorskip("timm", reason="timm is an extra")
    from scripts.make_catalogue import render  # noqa: PLC0415

    text = resources.files("simx.models").joinpath(TIMM_FILE_NAME).read_text(encoding="utf-8")

    assert text == render(msgspec.json.decode(text, type=CatalogueFile)), REGENERATE


def test_figures_are_those_of_the_installed_timm() -> None:
    """The smallest architectures, measured anew, are as they are stored."""
    pytest.importorskip("timm", reason="timm is an extra")
    from scripts.make_timm_catalogue import entries  # noqa: PLC0415

    stored = {each.name: each for each in OF_TIMM}
    for model in ("test_resnet", "test_efficientnet", "resnet10t"):
        for each in entries(model):
            assert each == stored[each.name], REGENERATE


@pytest.mark.slow
def test_all_figures_are_those_of_the_installed_timm() -> None:
    """All architectures, measured anew, are as they are stored."""
    pytest.importorskip("timm", reason="timm is an extra")
    from scripts.make_timm_catalogue import make  # noqa: PLC0415

    assert list(make().backbones) == OF_TIMM, REGENERATE
