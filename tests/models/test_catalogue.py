"""The stored catalogue against the installed torchvision."""

import importlib.util
import subprocess
import sys
from collections import Counter
from importlib import resources
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from simx.models.backbone import Backbone
from simx.models.catalogue import FILE_NAME, CatalogueFile, of_torchvision

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_catalogue.py"
REGENERATE = "the stored catalogue is out of date: run `python scripts/make_catalogue.py`\n"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_catalogue", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text() -> str:
    return resources.files("simx.models").joinpath(FILE_NAME).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stored(text: str) -> CatalogueFile:
    return msgspec.json.decode(text, type=CatalogueFile)


def backbone(model: str, weights: str) -> Backbone:
    return next(b for b in of_torchvision() if (b.model, b.weights) == (model, weights))


def without_lengths(script: ModuleType, file: CatalogueFile) -> CatalogueFile:
    unmeasured = tuple(
        msgspec.structs.replace(
            b, embedding_dims=script.UNMEASURED, embedding_gmacs=script.UNCOUNTED
        )
        for b in file.backbones
    )
    return msgspec.structs.replace(file, backbones=unmeasured)


def test_metadata_is_that_of_the_installed_torchvision(
    script: ModuleType, stored: CatalogueFile
) -> None:
    """Every backbone and every figure but the embeddings' lengths is torchvision's own."""
    current = msgspec.structs.replace(
        stored, made_from=script.installed(), backbones=tuple(script.described())
    )

    found = script.differences(without_lengths(script, stored), current)

    assert not found, REGENERATE + "\n".join(found)


@pytest.mark.slow
def test_lengths_are_those_of_the_networks(script: ModuleType, stored: CatalogueFile) -> None:
    """Running every architecture, head removed, gives the stored lengths for each definition."""
    found = script.differences(stored, script.make())

    assert not found, REGENERATE + "\n".join(found)


def test_the_file_is_as_the_script_writes_it(
    script: ModuleType, stored: CatalogueFile, text: str
) -> None:
    """Nobody has edited the file by hand, not even its layout."""
    assert text == script.render(stored), REGENERATE


def test_other_releases_of_torchvision_are_told_apart_plainly(
    script: ModuleType, stored: CatalogueFile
) -> None:
    """Backbones that came, went or changed are each named."""
    first, second, *rest = stored.backbones
    newcomer = msgspec.structs.replace(first, model="alexnet2")
    changed = msgspec.structs.replace(second, acc1=1.5)
    other = msgspec.structs.replace(
        stored, made_from="torchvision 9.9", backbones=(newcomer, changed, *rest[1:])
    )

    found = script.differences(stored, other)

    assert found == [
        (
            f"the catalogue has the 115 backbones of {stored.made_from}; "
            "torchvision 9.9 is installed and has 114"
        ),
        "only in the catalogue: alexnet:IMAGENET1K_V1",
        "only in the catalogue: convnext_large:IMAGENET1K_V1",
        "only in torchvision: alexnet2:IMAGENET1K_V1",
        "convnext_base:IMAGENET1K_V1: acc1 is 84.062 in the catalogue, 1.5 in torchvision",
    ]


def test_another_release_with_the_same_models_is_no_difference(
    script: ModuleType, stored: CatalogueFile
) -> None:
    """The version alone does not put the catalogue out of date, the order does."""
    newer = msgspec.structs.replace(stored, made_from="torchvision 9.9")
    shuffled = msgspec.structs.replace(stored, backbones=stored.backbones[::-1])

    assert script.differences(stored, newer) == []
    assert script.differences(stored, shuffled) == [
        "the catalogue has the same backbones in another order"
    ]


def test_a_preprocessing_the_catalogue_cannot_express_is_refused(script: ModuleType) -> None:
    """An unknown preset would otherwise be measured with the wrong input."""
    with pytest.raises(TypeError, match="unknown preprocessing"):
        script.preset_of(object())


def test_there_are_115_backbones_of_80_architectures() -> None:
    """Each architecture has exactly one default, and no backbone is listed twice."""
    defaults = Counter(b.model for b in of_torchvision() if b.default)

    assert len(of_torchvision()) == len({(b.model, b.weights) for b in of_torchvision()}) == 115
    assert len({b.model for b in of_torchvision()}) == 80
    assert defaults == Counter({b.model for b in of_torchvision()})


def test_families_are_called_as_people_call_them() -> None:
    """Sixteen families; ResNeXt and wide ResNets are ResNets."""
    assert {b.family for b in of_torchvision()} == {
        "alexnet",
        "convnext",
        "densenet",
        "efficientnet",
        "googlenet",
        "inception",
        "maxvit",
        "mnasnet",
        "mobilenet",
        "regnet",
        "resnet",
        "shufflenet",
        "squeezenet",
        "swin",
        "vgg",
        "vit",
    }
    assert backbone("resnext50_32x4d", "IMAGENET1K_V2").family == "resnet"
    assert backbone("wide_resnet101_2", "IMAGENET1K_V2").family == "resnet"


def test_weights_that_cannot_classify_have_no_accuracy() -> None:
    """The features-only VGG has None where torchvision says NaN, and it alone."""
    without = [(b.model, b.weights) for b in of_torchvision() if b.acc1 is None or b.acc5 is None]

    assert without == [("vgg16", "IMAGENET1K_FEATURES")]


def test_the_input_belongs_to_the_weights() -> None:
    """Two entries of one architecture can want pictures of different sizes."""
    plain = backbone("vit_b_16", "IMAGENET1K_V1").preset
    swag = backbone("vit_b_16", "IMAGENET1K_SWAG_E2E_V1").preset

    assert (plain.crop, plain.resize, plain.interpolation) == (224, 256, "bilinear")
    assert (swag.crop, swag.resize, swag.interpolation) == (384, 384, "bicubic")


def test_a_licence_is_what_torchvision_states() -> None:
    """Only the SWAG weights come with one."""
    licensed = {b.weights for b in of_torchvision() if b.license}

    assert licensed == {"IMAGENET1K_SWAG_E2E_V1", "IMAGENET1K_SWAG_LINEAR_V1"}


def test_reading_the_catalogue_imports_nothing_heavy() -> None:
    """Listing and selecting work where torch, numpy and rich are not even installed."""
    code = (
        "import sys\n"
        "import simx.models.listing, simx.models.selection\n"
        "from simx.models.catalogue import load\n"
        "load()\n"
        "print(sorted({'torch', 'torchvision', 'numpy', 'rich'} & sys.modules.keys()))\n"
    )

    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert run.stdout == "[]\n"
