"""Which backbones a command line means."""

import pytest

from simx.common.errors import InputError
from simx.models.catalogue import load
from simx.models.ranges import parse_ranges
from simx.models.selection import Selection, select


def chosen(
    *names: str, everything: bool = False, gflops: str = "", families: tuple[str, ...] = ()
) -> list[str]:
    selection = Selection(
        names=names,
        everything=everything,
        ranges=parse_ranges(gflops) if gflops else (),
        families=families,
    )
    return [f"{b.model}:{b.weights}" for b in select(selection, load())]


def refusal(*names: str, gflops: str = "", families: tuple[str, ...] = ()) -> str:
    with pytest.raises(InputError) as caught:
        chosen(*names, gflops=gflops, families=families)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("resnet50", "IMAGENET1K_V2"),
        ("ResNet50", "IMAGENET1K_V2"),
        ("resnet50:default", "IMAGENET1K_V2"),
        ("resnet50:IMAGENET1K_V1", "IMAGENET1K_V1"),
        ("resnet50:v1", "IMAGENET1K_V1"),
        ("resnet50:V2", "IMAGENET1K_V2"),
        ("vit_b_16:v1", "IMAGENET1K_V1"),
        ("vit_b_16:swag_e2e", "IMAGENET1K_SWAG_E2E_V1"),
        ("vit_b_16:linear", "IMAGENET1K_SWAG_LINEAR_V1"),
        ("vgg16:features", "IMAGENET1K_FEATURES"),
    ],
)
def test_a_name_means_one_backbone(name: str, weights: str) -> None:
    """Weights may be left out, shortened or written in any case."""
    model = name.partition(":")[0].lower()

    assert chosen(name) == [f"{model}:{weights}"]


def test_every_backbone_is_chosen_by_its_own_name() -> None:
    """``Backbone.name`` and the full ``model:weights`` lead back to the backbone."""
    for backbone in load():
        full = f"{backbone.model}:{backbone.weights}"

        assert chosen(backbone.name) == chosen(full) == [full]


def test_everything_is_each_architecture_with_its_default_weights() -> None:
    """``--all`` means 80 backbones, one of each architecture."""
    found = select(Selection(everything=True), load())

    assert len(found) == len({backbone.model for backbone in found}) == 80
    assert all(backbone.default for backbone in found)


def test_nothing_named_is_the_whole_catalogue() -> None:
    """Without a name the criteria narrow all backbones."""
    assert select(Selection(), load()) == load()


def test_a_glob_means_default_weights() -> None:
    """A glob takes one backbone of each architecture that it matches."""
    assert chosen("resnet1*") == [
        "resnet101:IMAGENET1K_V2",
        "resnet152:IMAGENET1K_V2",
        "resnet18:IMAGENET1K_V1",
    ]


def test_a_glob_takes_weights_where_an_architecture_has_them() -> None:
    """Architectures without the weights are passed over, not refused."""
    assert chosen("resn*101*:v2") == [
        "resnet101:IMAGENET1K_V2",
        "resnext101_32x8d:IMAGENET1K_V2",
    ]


def test_weights_can_be_globs() -> None:
    """``vit_*:*`` is every vision transformer with every set of weights."""
    vits = [f"{b.model}:{b.weights}" for b in load() if b.model.startswith("vit_")]

    assert chosen("vit_*:*") == vits
    assert len(vits) == 10
    assert chosen("vit_l_16:*swag*") == [
        "vit_l_16:IMAGENET1K_SWAG_E2E_V1",
        "vit_l_16:IMAGENET1K_SWAG_LINEAR_V1",
    ]


def test_the_answer_is_in_catalogue_order_without_duplicates() -> None:
    """How often and in which order names are given makes no difference."""
    found = chosen("vgg11", "resnet18", "resnet*", "alexnet", "alexnet:v1", everything=True)

    assert found == chosen(everything=True)


def test_filters_narrow_what_was_named() -> None:
    """A backbone has to be named, in one of the ranges, and of one of the families."""
    assert chosen("resnet*", gflops="1,3", families=("ResNet", "vgg")) == [
        "resnet18:IMAGENET1K_V1",
        "resnet34:IMAGENET1K_V1",
    ]
    assert chosen("resnet18", "vgg11", families=("vgg",)) == ["vgg11:IMAGENET1K_V1"]


def test_a_misspelt_model_is_refused_with_what_may_have_been_meant() -> None:
    """The message names the word, the closest models and where to look."""
    assert refusal("resnet5O").startswith("unknown model 'resnet5O' (did you mean resnet50")
    assert "`simx models`" in refusal("zzz")
    assert "did you mean" not in refusal("zzz")


def test_a_misspelt_family_is_refused_with_all_there_are() -> None:
    """The message names the closest family and lists the rest."""
    message = refusal(families=("resnets",))

    assert message.startswith("unknown family 'resnets' (did you mean resnet or ")
    assert "convnext" in message


@pytest.mark.parametrize("name", ["resnet50:v3", "resnet50:", "resnet50:x:y"])
def test_weights_that_a_model_lacks_are_refused_with_those_it_has(name: str) -> None:
    """The message lists the weights there are."""
    assert "it has IMAGENET1K_V1, IMAGENET1K_V2" in refusal(name)


@pytest.mark.parametrize("name", ["vit_b_16:swag", "vit_*:swag"])
def test_ambiguous_weights_are_refused_with_the_candidates(name: str) -> None:
    """The message lists what could be typed instead."""
    message = refusal(name)

    assert "vit_b_16:IMAGENET1K_SWAG_E2E_V1, vit_b_16:IMAGENET1K_SWAG_LINEAR_V1" in message


@pytest.mark.parametrize("name", ["foo*", "*:v9", ""])
def test_a_name_that_matches_nothing_is_refused(name: str) -> None:
    """A glob without a match is a mistake, not an empty answer."""
    assert "`simx models` lists all there are" in refusal(name)


def test_filters_that_leave_nothing_are_refused() -> None:
    """The message repeats the criteria."""
    message = refusal("resnet*", gflops="100+", families=("resnet",))

    assert message == (
        "no backbone among 'resnet*' of family resnet of 100+ GFLOPS; "
        "`simx models` lists all there are"
    )
